//! What a plugin is, as a message and as text.

use std::time::Duration;

use k1s_source_proto::v1;
use serde_json::{Value, json};

use crate::config::schema_of;
use crate::{Capability, Permission, Source};

/// This SDK and its language.
const SDK: &str = concat!("k1s-source ", env!("CARGO_PKG_VERSION"), " rust");

/// Describes a source to the host.
pub(crate) fn describe<S: Source>() -> v1::DescribeResponse {
    let capabilities = S::CAPABILITIES.iter().map(|capability| capability.to_wire());
    v1::DescribeResponse {
        r#type: S::TYPE.to_owned(),
        name: S::NAME.to_owned(),
        version: S::VERSION.to_owned(),
        sdk: SDK.to_owned(),
        config_schema: schema_of::<S::Config>().as_value().to_string(),
        capabilities: [v1::Capability::Snapshot]
            .into_iter()
            .chain(capabilities)
            .map(Into::into)
            .collect(),
        kinds: S::KINDS.iter().map(|&kind| kind.to_owned()).collect(),
        permissions: S::PERMISSIONS.iter().map(permission).collect(),
        default_resync_ms: resync_ms(S::RESYNC),
        documentation: S::DOCUMENTATION.to_owned(),
    }
}

/// Describes a source to a person or a script: the response as JSON, its schema in place of the text of it.
pub(crate) fn describe_as_json<S: Source>() -> Value {
    let response = describe::<S>();
    let names = |capabilities: &[Capability]| -> Vec<&'static str> {
        ["SNAPSHOT"]
            .into_iter()
            .chain(capabilities.iter().map(|&capability| short_name(capability)))
            .collect()
    };
    let permissions = |permission: &v1::Permission| json!({ "name": permission.name, "target": permission.target, "reason": permission.reason });
    json!({
        "type": response.r#type,
        "name": response.name,
        "version": response.version,
        "sdk": response.sdk,
        "configSchema": schema_of::<S::Config>().as_value(),
        "capabilities": names(S::CAPABILITIES),
        "kinds": response.kinds,
        "permissions": response.permissions.iter().map(permissions).collect::<Vec<_>>(),
        "defaultResyncMs": response.default_resync_ms,
        "documentation": response.documentation,
    })
}

fn permission(permission: &Permission) -> v1::Permission {
    let Permission { name, target, reason } = *permission;
    v1::Permission {
        name: name.to_owned(),
        target: target.to_owned(),
        reason: reason.to_owned(),
    }
}

fn short_name(capability: Capability) -> &'static str {
    let name = capability.to_wire().as_str_name();
    name.strip_prefix("CAPABILITY_").unwrap_or(name)
}

/// An interval as on the wire: 0 leaves it to whoever asks.
pub(crate) fn resync_ms(interval: Option<Duration>) -> u64 {
    interval.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
