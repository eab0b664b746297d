//! What a configuration file says of the host's API.

use std::num::NonZeroU16;

use schemars::JsonSchema;

use super::node::{Node, Read};
use super::settings::ApiSettings;

/// How the host serves its Kubernetes API.
#[derive(Clone, Copy, Debug, Default, JsonSchema)]
#[schemars(rename = "Api", rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiEntry {
    /// Whether it is served (default true).
    enabled: Option<bool>,
    /// The loopback port, 1 to 65535 (default: chosen on the first run, then kept).
    #[schemars(with = "Option<u16>", range(min = 1))]
    port: Option<NonZeroU16>,
}

impl ApiEntry {
    /// With every default filled in.
    pub(super) fn settings(self) -> ApiSettings {
        if self.enabled.unwrap_or(true) {
            ApiSettings::Served { port: self.port }
        } else {
            ApiSettings::Off
        }
    }
}

impl Read for ApiEntry {
    fn read(node: &Node<'_>) -> Option<Self> {
        let mut fields = node.fields()?;
        let enabled = fields.optional("enabled");
        let port = fields.node("port").and_then(|node| port(&node));
        fields.finish(&[]);
        Some(Self { enabled, port })
    }
}

fn port(node: &Node<'_>) -> Option<NonZeroU16> {
    let number = u64::read(node)?;
    let port = u16::try_from(number).ok().and_then(NonZeroU16::new);
    port.or_else(|| node.refuse(format!("port is {number}; it must be from 1 to 65535")))
}
