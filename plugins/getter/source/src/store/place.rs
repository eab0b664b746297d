//! Which bucket an address names, and who asks it.
//!
//! What the environment says of who asks is for the servers that it is meant for, and for one's own addresses only: anyone can
//! answer for another host, and whoever names buckets for somebody else could name that one's own.

#[cfg(feature = "gcs")]
use k1s_getter_address::Gcs;
use k1s_getter_address::Origin as AddressOrigin;
#[cfg(feature = "azure")]
use k1s_getter_address::{Azure, AzureEndpoint};
#[cfg(feature = "s3")]
use k1s_getter_address::{Endpoint, S3};
#[cfg(feature = "s3")]
use k1s_getter_bucket::Access as Signer;
#[cfg(feature = "azure")]
use k1s_getter_bucket::AzureAccess;
use k1s_getter_bucket::Bucket;
use k1s_getter_credentials::Variables;
#[cfg(feature = "s3")]
use k1s_getter_credentials::profile_key;
use k1s_getter_net::{Client, Credential, Reference};
#[cfg(feature = "gcs")]
use k1s_getter_net::{Scheme, Url};

use super::StoreError;
use super::lent::Lent;
use crate::network::{Author, Network};

/// The variables that say who asks Amazon.
#[cfg(feature = "s3")]
const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
#[cfg(feature = "s3")]
const KEY_SECRET: &str = "AWS_SECRET_ACCESS_KEY";
#[cfg(feature = "s3")]
const KEY_TOKEN: &str = "AWS_SESSION_TOKEN";
#[cfg(feature = "s3")]
const PROFILE: &str = "AWS_PROFILE";
/// The variable that says who asks Google.
#[cfg(feature = "gcs")]
const GOOGLE_TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";
/// The variable by which Google's own programs ask another server.
#[cfg(feature = "gcs")]
const GOOGLE_ELSEWHERE: &str = "STORAGE_EMULATOR_HOST";

/// The variables that say who asks Azure.
#[cfg(feature = "azure")]
const AZURE_ACCOUNT: &str = "AZURE_STORAGE_ACCOUNT";
#[cfg(feature = "azure")]
const AZURE_KEY: &str = "AZURE_STORAGE_KEY";

/// A bucket, and what of it is meant.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Of S3.
    #[cfg(feature = "s3")]
    S3(Box<S3>),
    /// Of Google.
    #[cfg(feature = "gcs")]
    Gcs(Gcs),
    /// Of Azure, where it is a container.
    #[cfg(feature = "azure")]
    Azure(Box<Azure>),
}

impl Place {
    /// Returns the bucket that an address names; none if it names none of a kind that is asked here.
    pub(crate) fn of(origin: &AddressOrigin) -> Option<Self> {
        match origin {
            #[cfg(feature = "s3")]
            AddressOrigin::S3(s3) => Some(Self::S3(Box::new(s3.clone()))),
            #[cfg(not(feature = "s3"))]
            AddressOrigin::S3(_) => None,
            #[cfg(feature = "gcs")]
            AddressOrigin::Gcs(gcs) => Some(Self::Gcs(gcs.clone())),
            #[cfg(not(feature = "gcs"))]
            AddressOrigin::Gcs(_) => None,
            #[cfg(feature = "azure")]
            AddressOrigin::Azure(azure) => Some(Self::Azure(Box::new(azure.clone()))),
            #[cfg(not(feature = "azure"))]
            AddressOrigin::Azure(_) => None,
            AddressOrigin::Http(_) | AddressOrigin::File(_) => None,
        }
    }

    /// Returns the key of an object, or a prefix.
    pub(crate) fn key(&self) -> &str {
        match self {
            #[cfg(feature = "s3")]
            Self::S3(s3) => &s3.key,
            #[cfg(feature = "gcs")]
            Self::Gcs(gcs) => &gcs.object,
            #[cfg(feature = "azure")]
            Self::Azure(azure) => &azure.blob,
        }
    }

    /// Returns the name of whoever the address itself says to be; empty where it does not.
    pub(crate) fn asker(&self) -> &str {
        match self {
            #[cfg(feature = "s3")]
            Self::S3(s3) => s3.access.as_ref().map_or("", |access| access.id.expose()),
            #[cfg(feature = "gcs")]
            Self::Gcs(_) => "",
            // A signature is renewed often, and which object it is of is asked each time.
            #[cfg(feature = "azure")]
            Self::Azure(_) => "",
        }
    }

    /// Returns whether the address itself says who asks, so that nobody has to lend anything.
    pub(super) fn says_who(&self) -> bool {
        match self {
            #[cfg(feature = "s3")]
            Self::S3(s3) => s3.access.is_some() || s3.profile.is_some(),
            #[cfg(feature = "gcs")]
            Self::Gcs(_) => false,
            #[cfg(feature = "azure")]
            Self::Azure(azure) => !azure.signature.is_empty(),
        }
    }

    /// Sets up what asks for it, with what was lent if anything was; reads files.
    ///
    /// # Errors
    /// Fails if what is configured is nothing that such a bucket takes.
    pub(super) fn bucket(&self, client: Client, network: &Network, lent: Option<&Lent>) -> Result<Bucket, StoreError> {
        let variables = Variables::of_process();
        let bucket = match self {
            #[cfg(feature = "s3")]
            Self::S3(s3) => Bucket::s3(client, s3, signer(network, s3, lent, &variables)?),
            #[cfg(feature = "gcs")]
            Self::Gcs(gcs) => {
                let elsewhere = variables
                    .get(GOOGLE_ELSEWHERE)
                    .map(|text| elsewhere(&text))
                    .transpose()?;
                let is_google = elsewhere.is_none();
                // What is lent is for Google, and for what stands for it on this machine.
                let lent = lent.filter(|_| elsewhere.as_ref().is_none_or(is_here));
                let token = token(network, lent, is_google && variables.get(GOOGLE_TOKEN).is_some())?;
                Bucket::gcs(client, gcs, elsewhere, token)
            }
            #[cfg(feature = "azure")]
            Self::Azure(azure) => Bucket::azure(client, azure, key(network, azure, lent, &variables)?),
        };
        bucket.map_err(StoreError::Bucket)
    }
}

/// Reads the root of another server, whose scheme may be left out.
#[cfg(feature = "gcs")]
fn elsewhere(text: &str) -> Result<Url, StoreError> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    let url = url.map_err(|source| StoreError::Elsewhere {
        variable: GOOGLE_ELSEWHERE,
        source,
    })?;
    // A token that is configured goes there.
    if url.origin().scheme == Scheme::Http && !is_here(&url) {
        return Err(StoreError::Unprotected(GOOGLE_ELSEWHERE));
    }
    Ok(url)
}

#[cfg(feature = "gcs")]
fn is_here(url: &Url) -> bool {
    let name = &url.origin().peer.name;
    name.address().is_some_and(|address| address.is_loopback()) || name.as_str() == "localhost"
}

/// Finds what Azure is asked with besides a signature in the address.
#[cfg(feature = "azure")]
fn key(
    network: &Network,
    azure: &Azure,
    lent: Option<&Lent>,
    variables: &Variables,
) -> Result<Option<AzureAccess>, StoreError> {
    match &network.credentials.word {
        Some(Credential::Bearer(token)) => return Ok(Some(AzureAccess::Token(token.clone()))),
        Some(Credential::Basic { user, password }) if user.expose() == azure.account => {
            return Ok(Some(AzureAccess::Key(password.clone())));
        }
        Some(Credential::Basic { .. } | Credential::Netrc(_)) => return Err(StoreError::Account),
        None => {}
    }
    let is_official = matches!(azure.endpoint, AzureEndpoint::Official(_));
    if let (true, Some(Lent::Token(token))) = (is_official, lent) {
        return Ok(Some(AzureAccess::Token(Reference::Given(token.clone()))));
    }
    let is_ours = is_official && azure.signature.is_empty() && network.author == Author::User;
    let is_named =
        variables.get(AZURE_ACCOUNT).as_deref() == Some(&azure.account) && variables.get(AZURE_KEY).is_some();
    Ok((is_ours && is_named).then(|| AzureAccess::Key(Reference::Environment(AZURE_KEY.to_owned()))))
}

/// Finds the token that is shown to Google; `is_set` tells whether the environment has one for it.
#[cfg(feature = "gcs")]
fn token(network: &Network, lent: Option<&Lent>, is_set: bool) -> Result<Option<Reference>, StoreError> {
    match &network.credentials.word {
        Some(Credential::Bearer(token)) => Ok(Some(token.clone())),
        Some(Credential::Basic { .. } | Credential::Netrc(_)) => Err(StoreError::Token),
        None => {
            if let Some(Lent::Token(token)) = lent {
                return Ok(Some(Reference::Given(token.clone())));
            }
            let is_ours = is_set && network.author == Author::User;
            Ok(is_ours.then(|| Reference::Environment(GOOGLE_TOKEN.to_owned())))
        }
    }
}

/// Finds the key that S3 is asked with.
#[cfg(feature = "s3")]
fn signer(
    network: &Network,
    s3: &S3,
    lent: Option<&Lent>,
    variables: &Variables,
) -> Result<Option<Signer>, StoreError> {
    match &network.credentials.word {
        Some(Credential::Basic { user, password }) => {
            return Ok(Some(Signer {
                id: Reference::Given(user.clone()),
                secret: password.clone(),
                token: None,
            }));
        }
        Some(Credential::Bearer(_) | Credential::Netrc(_)) => return Err(StoreError::Credential),
        None => {}
    }
    if let Some(key) = &s3.access {
        return Ok(Some(Signer::of(key)));
    }
    if let Some(name) = &s3.profile {
        // What an address names is for whatever it asks, if it is one's own.
        return match network.author {
            Author::User => Ok(Some(Signer::of(&profile_key(variables, name)?))),
            Author::Stranger => Err(StoreError::Stranger(name.clone())),
        };
    }
    if let Some(Lent::Key(key)) = lent {
        return Ok(Some(Signer::of(key)));
    }
    if !matches!(s3.endpoint, Endpoint::Amazon { .. }) || network.author != Author::User {
        return Ok(None);
    }
    let reference = |name: &str| Reference::Environment(name.to_owned());
    if variables.get(KEY_ID).is_some() {
        return Ok(Some(Signer {
            id: reference(KEY_ID),
            secret: reference(KEY_SECRET),
            token: variables.get(KEY_TOKEN).map(|_| reference(KEY_TOKEN)),
        }));
    }
    match variables.get(PROFILE) {
        Some(name) => Ok(Some(Signer::of(&profile_key(variables, &name)?))),
        None => Ok(None),
    }
}

#[cfg(test)]
#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
mod tests {
    use k1s_getter_address::{AccessKey, Address, Policy, Secret, Source, Transport};

    use super::*;
    use crate::network::Credentials;

    fn s3(address: &str) -> S3 {
        let policy = Policy::default().allowing(Transport::Http);
        let Source::Download(download) = Address::parse(address, &policy).unwrap().source else {
            panic!("{address}");
        };
        let AddressOrigin::S3(s3) = download.origin else {
            panic!("{address}");
        };
        s3
    }

    fn network(author: Author, word: Option<Credential>) -> Network {
        Network {
            author,
            credentials: Credentials {
                word,
                ..Credentials::default()
            },
            ..Network::default()
        }
    }

    #[test]
    fn s05_the_environments_key_is_for_amazon_and_for_ones_own_addresses() {
        const AMAZON: &str = "s3::https://s3.eu-west-1.amazonaws.com/pail/key";
        const SPOOF: &str = "s3::https://s3.eu-west-1.amazonaws.com.evil.example/pail/key";
        const KEYED: &str =
            "s3::https://s3.amazonaws.com.evil.example/pail/key?aws_access_key_id=a&aws_access_key_secret=b";
        let environment = |name| Some(Reference::Environment(String::from(name)));
        let given = |text| Some(Reference::Given(Secret::new(text)));
        let own = || network(Author::User, None);
        let configured = Credential::Basic {
            user: Secret::new("id"),
            password: Reference::Given(Secret::new("secret")),
        };
        for (network, address, is_set, expected) in [
            (own(), AMAZON, true, environment(KEY_ID)),
            (own(), AMAZON, false, None),
            (own(), SPOOF, true, None),
            (network(Author::Stranger, None), AMAZON, true, None),
            (own(), KEYED, true, given("a")),
            (network(Author::User, Some(configured)), KEYED, true, given("id")),
        ] {
            let variables = Variables::given(
                is_set
                    .then_some([(KEY_ID, "x"), (KEY_SECRET, "x")])
                    .into_iter()
                    .flatten(),
            );
            let signer = signer(&network, &s3(address), None, &variables).unwrap();
            assert_eq!(signer.map(|signer| signer.id), expected, "{address}");
        }
        // A profile is never passed over, nor named by somebody else.
        let named = Variables::given([(PROFILE, "/nowhere"), ("HOME", "/nowhere")]);
        let profile = format!("{AMAZON}?aws_profile=team");
        for address in [AMAZON, &profile] {
            let refused = signer(&own(), &s3(address), None, &named);
            assert!(matches!(refused, Err(StoreError::Profile(_))), "{address}");
        }
        let refused = signer(&network(Author::Stranger, None), &s3(&profile), None, &named);
        assert!(matches!(refused, Err(StoreError::Stranger(_))));
        assert_eq!(signer(&own(), &s3(SPOOF), None, &named).unwrap(), None);
        // What is lent counts before the environment, and after what is said of the address itself.
        let lent = Lent::Key(AccessKey {
            id: Secret::new("lent"),
            secret: Secret::new("s"),
            token: None,
        });
        for (address, expected) in [(AMAZON, "lent"), (KEYED, "a")] {
            let signer = signer(&own(), &s3(address), Some(&lent), &named).unwrap();
            assert_eq!(signer.map(|signer| signer.id), given(expected), "{address}");
        }
        let token = network(
            Author::User,
            Some(Credential::Bearer(Reference::Given(Secret::new("t")))),
        );
        assert!(matches!(
            signer(&token, &s3(AMAZON), None, &Variables::given([("OTHER", "x")])),
            Err(StoreError::Credential)
        ));
    }

    #[test]
    fn s05_the_environments_token_is_for_google_and_for_ones_own_addresses() {
        let given = Reference::Given(Secret::new("t"));
        let configured = || Some(Credential::Bearer(given.clone()));
        let variable = Some(Reference::Environment(GOOGLE_TOKEN.to_owned()));
        for (network, is_set, expected) in [
            (network(Author::User, None), true, variable),
            (network(Author::User, None), false, None),
            (network(Author::Stranger, None), true, None),
            (network(Author::Stranger, configured()), true, Some(given.clone())),
        ] {
            assert_eq!(token(&network, None, is_set).unwrap(), expected, "{network:?}");
        }
        let netrc = network(Author::User, Some(Credential::Netrc("netrc".into())));
        assert!(matches!(token(&netrc, None, true), Err(StoreError::Token)));
        let lent = Lent::Token(Secret::new("t"));
        assert_eq!(
            token(&network(Author::User, None), Some(&lent), true).unwrap(),
            Some(given.clone())
        );
        assert_eq!(
            elsewhere("127.0.0.1:4443").unwrap().to_string(),
            "http://127.0.0.1:4443/"
        );
        for text in ["http://localhost:4443", "[::1]:4443", "https://store.example"] {
            assert!(elsewhere(text).is_ok(), "{text}");
        }
        for text in [
            "store.example:4443",
            "http://store.example",
            "http://localhost.evil.example",
        ] {
            assert!(matches!(elsewhere(text), Err(StoreError::Unprotected(_))), "{text}");
        }
        assert!(elsewhere("ftp://h").is_err());
    }

    #[test]
    fn s05_the_environments_account_is_for_azure_and_for_ones_own_addresses() {
        const OURS: &str = "azure::https://acct.blob.core.windows.net/c/k";
        let azure = |address: &str| {
            let Source::Download(download) = Address::parse(address, &Policy::default()).unwrap().source else {
                panic!("{address}");
            };
            let AddressOrigin::Azure(azure) = download.origin else {
                panic!("{address}");
            };
            azure
        };
        let variables = Variables::given([(AZURE_ACCOUNT, "acct"), (AZURE_KEY, "CANARY")]);
        let environment = Some(AzureAccess::Key(Reference::Environment(AZURE_KEY.to_owned())));
        let given = || Reference::Given(Secret::new("s"));
        let account = |user| {
            let password = given();
            Some(Credential::Basic {
                user: Secret::new(user),
                password,
            })
        };
        for (author, word, address, expected) in [
            (Author::User, None, OURS, environment),
            (Author::Stranger, None, OURS, None),
            (
                Author::User,
                None,
                "azure::https://other.blob.core.windows.net/c/k",
                None,
            ),
            (
                Author::User,
                None,
                "azure::https://acct.blob.core.windows.net/c/k?sig=x",
                None,
            ),
            (
                Author::User,
                None,
                "azure::https://blob.core.windows.net.evil.example/acct/c/k",
                None,
            ),
            (Author::Stranger, account("acct"), OURS, Some(AzureAccess::Key(given()))),
            (
                Author::User,
                Some(Credential::Bearer(given())),
                OURS,
                Some(AzureAccess::Token(given())),
            ),
        ] {
            let found = key(&network(author, word), &azure(address), None, &variables).unwrap();
            assert_eq!(found, expected, "{address}");
        }
        let other = key(&network(Author::User, account("other")), &azure(OURS), None, &variables);
        assert!(matches!(other, Err(StoreError::Account)));
        let lent = Lent::Token(Secret::new("t"));
        let spoof = azure("azure::https://blob.core.windows.net.evil.example/acct/c/k");
        for (address, expected) in [
            (
                azure(OURS),
                Some(AzureAccess::Token(Reference::Given(Secret::new("t")))),
            ),
            (spoof, None),
        ] {
            let found = key(&network(Author::User, None), &address, Some(&lent), &variables).unwrap();
            assert_eq!(found, expected);
        }
    }
}
