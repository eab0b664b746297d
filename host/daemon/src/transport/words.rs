//! The enumerations of the wire, one by one.

use k1s_source_proto::v1;
use k1s_sync_engine::event::IgnoredCode;
use k1s_sync_engine::problem::ProblemCode;
use k1s_sync_engine::session::Capability;

macro_rules! pairs {
    ($wire:ident, $ours:ident, $to_ours:ident, $to_wire:ident, $($name:ident),+) => {
        pub(super) fn $to_ours(code: i32) -> Option<$ours> {
            match v1::$wire::try_from(code).ok()? {
                v1::$wire::Unspecified => None,
                $(v1::$wire::$name => Some($ours::$name),)+
            }
        }

        pub(super) fn $to_wire(code: $ours) -> i32 {
            match code {
                $($ours::$name => v1::$wire::$name.into(),)+
            }
        }
    };
}

pairs!(
    ProblemCode,
    ProblemCode,
    problem_code,
    wire_problem_code,
    ConfigInvalid,
    Auth,
    Permission,
    RootNotFound,
    RootChanged,
    Unavailable,
    RateLimited,
    Timeout,
    DataInvalid,
    DuplicateKey,
    TooLarge,
    Unsupported,
    Partial,
    ResumeRejected,
    Internal,
    ProtocolViolation,
    HashMismatch,
    CountMismatch,
    KindNotAllowed,
    OwnershipConflict,
    Hung,
    Crashed,
    StartTimeout,
    Checksum,
    PeerMismatch,
    AdoptionConflict,
    NoKind,
    NoNamespace,
    IdentityChanged
);

pub(super) fn ignored_code(code: i32) -> Option<IgnoredCode> {
    match v1::ignored::Code::try_from(code).ok()? {
        v1::ignored::Code::Unspecified => None,
        v1::ignored::Code::NotAnObject => Some(IgnoredCode::NotAnObject),
        v1::ignored::Code::Excluded => Some(IgnoredCode::Excluded),
        v1::ignored::Code::Link => Some(IgnoredCode::Link),
        v1::ignored::Code::Disabled => Some(IgnoredCode::Disabled),
    }
}

/// A capability the session must know of; `None` for listing, which every source can, and for names of later versions.
pub(crate) fn capability(code: i32) -> Option<Capability> {
    match v1::Capability::try_from(code).ok()? {
        v1::Capability::Unspecified | v1::Capability::Snapshot => None,
        v1::Capability::Watch => Some(Capability::Watch),
        v1::Capability::Resume => Some(Capability::Resume),
        v1::Capability::ReportsDeletes => Some(Capability::ReportsDeletes),
        v1::Capability::WantsAcks => Some(Capability::WantsAcks),
        v1::Capability::Seen => Some(Capability::Seen),
        v1::Capability::NeedsKnown => Some(Capability::NeedsKnown),
        v1::Capability::Probe => Some(Capability::Probe),
        v1::Capability::MultiScope => Some(Capability::MultiScope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_code_crosses_the_wire_and_comes_back() {
        for code in ProblemCode::ALL {
            assert_eq!(problem_code(wire_problem_code(*code)), Some(*code));
            let name = v1::ProblemCode::try_from(wire_problem_code(*code))
                .expect("known")
                .as_str_name();
            assert_eq!(name.strip_prefix("PROBLEM_CODE_"), Some(code.as_str()));
        }
        assert_eq!(problem_code(0), None);
        assert_eq!(problem_code(9999), None);
    }
}
