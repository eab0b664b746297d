//! The steps by which credentials are come by.

use std::fmt;

/// A step by which credentials are come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Variables that hold a key of Amazon.
    AwsEnvironment,
    /// A profile of Amazon's shared files.
    AwsProfile,
    /// A role that a token of a cluster lets one take over.
    AwsWebIdentity,
    /// What a container is given.
    AwsContainer,
    /// What a machine of Amazon is given.
    AwsMachine,
    /// A file that says who asks Google.
    GoogleFile,
    /// What a machine of Google is given.
    GoogleMachine,
    /// A token of a cluster that Azure trusts.
    AzureFederation,
    /// What an application of Azure is given.
    AzureApplication,
    /// What a machine of Azure is given.
    AzureMachine,
    /// An App of GitHub.
    GithubApp,
}

impl Step {
    /// Returns what to look at where it fails.
    #[must_use]
    pub fn way_out(self) -> &'static str {
        match self {
            Self::AwsEnvironment => "set both halves of the key, or neither",
            Self::AwsProfile => {
                "AWS_PROFILE names it, and AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say where it is"
            }
            Self::AwsWebIdentity => {
                "the role has to trust whoever signed the token, and the token's subject and audience"
            }
            Self::AwsContainer => "the container has to have a role, and its token must still hold",
            Self::AwsMachine => {
                "nothing else is set up (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE, \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI in `env` of the source); a machine has to have a role, and containers on it \
                 need a hop limit of 2"
            }
            Self::GoogleFile => {
                "GOOGLE_APPLICATION_CREDENTIALS names a key of a service's account that is not deleted, or `gcloud auth application-default login` makes one"
            }
            Self::GoogleMachine => {
                "nothing else is set up (GOOGLE_APPLICATION_CREDENTIALS in `env` of the source); a machine has to have an \
                 account of a service that may read storage"
            }
            Self::AzureFederation => {
                "the application has to trust whoever signed the token, and the token's subject and audience"
            }
            Self::AzureApplication => {
                "the application has to have an identity, and AZURE_CLIENT_ID names which if there are several"
            }
            Self::AzureMachine => {
                "nothing else is set up (AZURE_FEDERATED_TOKEN_FILE, IDENTITY_ENDPOINT in `env` of the source); a machine has \
                 to have an identity, and AZURE_CLIENT_ID names which if there are several"
            }
            Self::GithubApp => {
                "the App's id, installation and private key have to belong together, and this machine's clock has to be right"
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsEnvironment => "the key in the environment",
            Self::AwsProfile => "the profile",
            Self::AwsWebIdentity => "the role by a token of a cluster",
            Self::AwsContainer => "the role of the container",
            Self::AwsMachine => "the role of the machine",
            Self::GoogleFile => "the file of Google's credentials",
            Self::GoogleMachine => "the account of the machine",
            Self::AzureFederation => "the identity by a token of a cluster",
            Self::AzureApplication => "the identity of the application",
            Self::AzureMachine => "the identity of the machine",
            Self::GithubApp => "the App of GitHub",
        })
    }
}
