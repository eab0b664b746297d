//! One repository of a registry.

use std::io::SeekFrom;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use k1s_getter_address::{Digest, Oci, Reference, Verifier};
use k1s_getter_net::{
    Answer, Client, Credential, Crossing, Download, Fault, Identity, Key, NetError, Origin, Request, Settings, Url,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Digest as _;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::challenge::{Challenge, challenges};
use crate::fault::OciError;
use crate::limits::{MANIFEST_BYTES, TOKEN_BYTES};
use crate::manifest::{self, Found, Layer, Manifest};
use crate::realm;
use crate::token;

/// Where a registry says what it sends is.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// What Docker Hub is called, where it is, and the group that is meant when none is named.
const HUB: ([&str; 2], &str, &str) = (["docker.io", "index.docker.io"], "registry-1.docker.io", "library");
/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// How a registry is asked.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Reach, proxies, certificates, limits, and what is always sent to which origin. Whether redirects are followed to other
    /// origins is not for these to say: registries have their layers elsewhere, and what comes is verified.
    pub settings: Settings,
    /// Who asks.
    pub credential: Option<Credential>,
    /// Headers that are sent along, to the registry itself.
    pub headers: Vec<(HeaderName, k1s_getter_net::Reference)>,
    /// The certificate that is shown to the registry if it asks for one.
    pub identity: Option<Identity>,
    /// Further origins whose services of tokens may be shown the credential.
    pub token_origins: Vec<Origin>,
}

/// One repository of a registry.
#[derive(Debug)]
pub struct Registry {
    base: Url,
    name: String,
    reference: Reference,
    access: Access,
    client: Client,
    /// What is shown with each request, since the registry asked for it.
    token: Option<HeaderValue>,
}

impl Registry {
    /// Sets up what asks for an artifact; asks nothing yet.
    ///
    /// # Errors
    /// Settings that cannot be used, or an address that makes no URL.
    pub fn new(oci: &Oci, access: Access) -> Result<Self, OciError> {
        let (names, hub, group) = HUB;
        let is_hub = names.contains(&oci.host.as_str());
        let host = if is_hub { hub } else { oci.host.as_str() };
        let name = if is_hub && !oci.name.contains('/') {
            format!("{group}/{}", oci.name)
        } else {
            oci.name.clone()
        };
        let port = oci.port.map_or_else(String::new, |port| format!(":{port}"));
        let base = Url::parse(&format!("https://{host}{port}/v2/"))?;
        let mut access = access;
        access.settings.keys.push(Key {
            origin: base.origin().clone(),
            credential: None,
            headers: std::mem::take(&mut access.headers),
            identity: access.identity.take(),
        });
        Ok(Self {
            base,
            name,
            reference: oci.reference.clone(),
            client: Client::new(bare(access.settings.clone()))?,
            access,
            token: None,
        })
    }

    /// Asks what the reference stands for now; nothing is asked where it is a digest.
    ///
    /// # Errors
    /// When the registry cannot be asked, or has no such artifact.
    pub async fn look(&mut self) -> Result<Digest, OciError> {
        let tag = match &self.reference {
            Reference::Digest(text) => {
                let digest = manifest::digest(text);
                return digest.ok_or_else(|| OciError::Reference(self.reference.clone()));
            }
            Reference::Tag(tag) => tag.clone(),
        };
        let url = self.at("manifests", &tag)?;
        let answer = self.send(Request::head(url.clone()).header(ACCEPT, accept())).await?;
        if let Some(digest) = said(answer.headers())? {
            return Ok(digest);
        }
        // It does not say, so what it sends does.
        let answer = self
            .send(Request::get(url).header(ACCEPT, accept()).at_most(MANIFEST_BYTES))
            .await?;
        let bytes = answer.into_body().collect(MANIFEST_BYTES).await?;
        let digest = format!("sha256:{}", hexadecimal(&sha2::Sha256::digest(&bytes)));
        manifest::digest(&digest).ok_or(OciError::Digest)
    }

    /// Brings the manifest of a digest; that of the one manifest of an index, if the digest is an index's.
    ///
    /// # Errors
    /// When it cannot be brought, has another digest, or is not one with layers.
    pub async fn manifest(&mut self, digest: &Digest) -> Result<Manifest, OciError> {
        match self.document(digest).await? {
            Found::Artifact(manifest) => Ok(manifest),
            Found::Elsewhere(digest) => match self.document(&digest).await? {
                Found::Artifact(manifest) => Ok(manifest),
                Found::Elsewhere(_) => Err(crate::ManifestError::Ambiguous("that it is an index of an index").into()),
            },
        }
    }

    async fn document(&mut self, digest: &Digest) -> Result<Found, OciError> {
        let url = self.at("manifests", &digest.to_string())?;
        let request = Request::get(url).header(ACCEPT, accept()).at_most(MANIFEST_BYTES);
        let answer = self.send(request).await?;
        let kind = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .map(str::to_owned);
        let bytes = answer.into_body().collect(MANIFEST_BYTES).await?;
        let mut verifier = Verifier::new(digest.clone());
        verifier.update(&bytes);
        verifier.finish()?;
        Ok(manifest::read(kind.as_deref(), &bytes)?)
    }

    /// Brings a layer into a file, which is emptied first; leaves it at its start.
    ///
    /// # Errors
    /// When it cannot be brought, or is not what the manifest says; the file is then worth nothing.
    pub async fn layer(&mut self, layer: &Layer, file: &mut File) -> Result<(), OciError> {
        let url = self.at("blobs", &layer.digest.to_string())?;
        let request = Request::get(url).as_sent().at_most(layer.size);
        let downloaded = match self.client.download(self.signed(request.clone()), file).await {
            Err(error) if is_challenge(&error) => {
                self.prove(&error).await?;
                self.client.download(self.signed(request), file).await?
            }
            downloaded => downloaded?,
        };
        if let Download::Whole { bytes, .. } = downloaded
            && bytes != layer.size
        {
            let (sent, size) = (bytes, layer.size);
            return Err(OciError::Size { sent, size });
        }
        verify(layer, file).await
    }

    fn at(&self, what: &str, which: &str) -> Result<Url, OciError> {
        Ok(self.base.with(&format!("/v2/{}/{what}/{which}", self.name), None)?)
    }

    fn signed(&self, request: Request) -> Request {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    async fn send(&mut self, request: Request) -> Result<Answer, OciError> {
        match self.client.send(self.signed(request.clone())).await {
            Err(error) if is_challenge(&error) => {
                self.prove(&error).await?;
                Ok(self.client.send(self.signed(request)).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// Gets what the registry wants to see.
    async fn prove(&mut self, refused: &NetError) -> Result<(), OciError> {
        let wanted = challenges(refused.challenges());
        let bearer = wanted.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service.as_deref())),
            Challenge::Basic => None,
        });
        if let Some((realm, service)) = bearer {
            self.token = Some(self.token(realm, service).await?);
            return Ok(());
        }
        if !wanted.contains(&Challenge::Basic) {
            return Err(OciError::Challenge);
        }
        let mut settings = bare(self.access.settings.clone());
        settings.keys.extend(self.key(self.base.origin()));
        self.client = Client::new(settings)?;
        Ok(())
    }

    async fn token(&self, realm: &str, service: Option<&str>) -> Result<HeaderValue, OciError> {
        let realm = Url::parse(realm)?;
        let (origin, registry) = (realm.origin(), self.base.origin());
        if !realm::may_be_asked(origin, registry) {
            return Err(OciError::Realm(origin.clone()));
        }
        let mut settings = self.access.settings.clone();
        settings.crossing = Crossing::Refuse;
        if self.access.credential.is_some() {
            if !realm::may_be_shown(origin, registry, &self.access.token_origins) {
                return Err(OciError::Realm(origin.clone()));
            }
            settings.keys.extend(self.key(origin));
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query = format!("scope={}", encoded(&format!("repository:{}:pull", self.name)));
        if let Some(service) = service {
            query = format!("service={}&{query}", encoded(service));
        }
        if let Some(own) = realm.query() {
            query = format!("{}&{query}", own.expose());
        }
        let request = Request::get(realm.with(realm.path(), Some(&query))?).at_most(TOKEN_BYTES);
        let answer = Client::new(settings)?.send(request).await?;
        let answer = answer.into_body().collect(TOKEN_BYTES).await?;
        token::authorization(&answer).ok_or_else(|| OciError::NoToken(origin.clone()))
    }

    /// The credential, for one origin.
    fn key(&self, origin: &Origin) -> Option<Key> {
        let credential = self.access.credential.clone()?;
        Some(Key {
            origin: origin.clone(),
            credential: Some(credential),
            headers: Vec::new(),
            identity: None,
        })
    }
}

fn bare(mut settings: Settings) -> Settings {
    settings.crossing = Crossing::Bare;
    settings
}

fn accept() -> HeaderValue {
    HeaderValue::from_static(manifest::ACCEPT)
}

fn is_challenge(error: &NetError) -> bool {
    matches!(&error.fault, Fault::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
        && error.challenges().next().is_some()
}

/// The digest that an answer says, if it does.
fn said(headers: &HeaderMap) -> Result<Option<Digest>, OciError> {
    let Some(value) = headers.get(CONTENT_DIGEST) else {
        return Ok(None);
    };
    let digest = value.to_str().ok().and_then(manifest::digest);
    digest.map(Some).ok_or(OciError::Digest)
}

async fn verify(layer: &Layer, file: &mut File) -> Result<(), OciError> {
    file.seek(SeekFrom::Start(0)).await.map_err(OciError::File)?;
    let mut verifier = Verifier::new(layer.digest.clone());
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).await.map_err(OciError::File)?;
        if read == 0 {
            break;
        }
        verifier.update(chunk.get(..read).unwrap_or_default());
    }
    verifier.finish()?;
    file.seek(SeekFrom::Start(0)).await.map_err(OciError::File)?;
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
