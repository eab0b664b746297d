//! Who may do what in a cluster.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Client, Cluster, DEADLINE, Verb};
use crate::eventually;

const GROUP: &str = "rbac.authorization.k8s.io";
const VERSION: &str = "rbac.authorization.k8s.io/v1";
/// The shortest that a server gives out.
const TOKEN_SECONDS: u64 = 600;

/// A service account, which may do only what it is granted.
#[derive(Debug)]
pub struct Account<'c> {
    cluster: &'c Cluster,
    namespace: String,
    name: String,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'g> {
    /// What is done.
    pub verbs: &'g [&'g str],
    /// The group of the resource; empty for the core's.
    pub group: &'g str,
    /// To which resource; `*` for all of the group.
    pub resource: &'g str,
    /// In which namespace; everywhere if there is none.
    pub namespace: Option<&'g str>,
}

impl Cluster {
    /// Makes a service account in a namespace that exists.
    ///
    /// # Errors
    /// When it is refused.
    pub fn account(&self, namespace: &str, name: &str) -> anyhow::Result<Account<'_>> {
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.client()?.create(&path, object)?;
        Ok(Account {
            cluster: self,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl Account<'_> {
    /// Its name as a user.
    #[must_use]
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// A token of it, which is good until the account is deleted, and for ten minutes at most.
    ///
    /// # Errors
    /// When it is refused.
    pub fn token(&self) -> anyhow::Result<String> {
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        });
        let answer = self
            .cluster
            .client()?
            .create(&format!("{}/token", self.path()), request)?;
        let token = answer.pointer("/status/token").and_then(Value::as_str);
        token.map(str::to_owned).context("no token was given")
    }

    /// Grants it something, and waits until that holds.
    ///
    /// # Errors
    /// When it is refused, or does not hold in time.
    pub fn grant(&self, grant: &Grant<'_>) -> anyhow::Result<()> {
        let rule = json!({"verbs": grant.verbs, "apiGroups": [grant.group], "resources": [grant.resource]});
        let (kind, name) = (grant.kind(), self.grant_name(grant));
        let subject = json!({"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace});
        let mut client = self.cluster.client()?;
        client.create(
            &grant.collection("s"),
            json!({"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}, "rules": [rule]}),
        )?;
        client.create(
            &grant.collection("bindings"),
            json!({
                "apiVersion": VERSION, "kind": format!("{kind}Binding"), "metadata": {"name": name}, "subjects": [subject],
                "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
            }),
        )?;
        eventually(DEADLINE, "a grant holds", || {
            let verdicts = self.verdicts(&mut client, grant)?;
            Ok(verdicts.iter().all(|is_allowed| *is_allowed).then_some(()))
        })
    }

    /// Takes back what was granted, and waits until it may not do that any more.
    ///
    /// # Errors
    /// When there was no such grant, or another one allows it, too.
    pub fn revoke(&self, grant: &Grant<'_>) -> anyhow::Result<()> {
        let name = self.grant_name(grant);
        let mut client = self.cluster.client()?;
        for plural in ["bindings", "s"] {
            client.done(&format!("{}/{name}", grant.collection(plural)), &Verb::Delete)?;
        }
        eventually(DEADLINE, "nothing grants it any more", || {
            let verdicts = self.verdicts(&mut client, grant)?;
            Ok(verdicts.iter().all(|is_allowed| !is_allowed).then_some(()))
        })
    }

    /// Deletes it, and with it its tokens.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete(self) -> anyhow::Result<()> {
        self.cluster.client()?.done(&self.path(), &Verb::Delete).map(drop)
    }

    /// Whether the server allows it each verb of a grant: what it knows of grants is a moment old.
    fn verdicts(&self, client: &mut Client, grant: &Grant<'_>) -> anyhow::Result<Vec<bool>> {
        let mut verdicts = Vec::new();
        for verb in grant.verbs {
            let review = json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {"user": self.user(), "resourceAttributes": {
                    "verb": verb, "group": grant.group, "resource": grant.resource,
                    "namespace": grant.namespace.unwrap_or_default(),
                }},
            });
            let answer = client.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)?;
            verdicts.push(answer.pointer("/status/allowed") == Some(&json!(true)));
        }
        Ok(verdicts)
    }

    fn grant_name(&self, grant: &Grant<'_>) -> String {
        format!("{}:{}:{}.{}", self.namespace, self.name, grant.resource, grant.group)
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/serviceaccounts/{}", self.namespace, self.name)
    }
}

impl Grant<'_> {
    fn kind(&self) -> &'static str {
        match self.namespace {
            Some(_) => "Role",
            None => "ClusterRole",
        }
    }

    fn collection(&self, plural: &str) -> String {
        let resource = format!("{}{plural}", self.kind().to_lowercase());
        match self.namespace {
            Some(namespace) => format!("/apis/{VERSION}/namespaces/{namespace}/{resource}"),
            None => format!("/apis/{VERSION}/{resource}"),
        }
    }
}
