//! Why something is not meant to be an object.

use k1s_source_proto::v1::ignored;

/// Why something is not meant to be an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignore {
    /// Neither apiVersion nor kind, or a control file of kustomize or Helm.
    NotAnObject,
    /// Left out by the source's own rules.
    Excluded,
    /// A link that is not followed.
    Link,
    /// Disabled by its own annotation.
    Disabled,
}

impl Ignore {
    pub(crate) fn to_wire(self) -> ignored::Code {
        match self {
            Self::NotAnObject => ignored::Code::NotAnObject,
            Self::Excluded => ignored::Code::Excluded,
            Self::Link => ignored::Code::Link,
            Self::Disabled => ignored::Code::Disabled,
        }
    }
}
