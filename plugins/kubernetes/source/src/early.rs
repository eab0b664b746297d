//! What ends a pause before its time.

use k1s_kubernetes_watch::Verdict;
use k1s_source::Scope;

use crate::cluster::View;
use crate::trouble::Trouble;

/// What ends a pause before its time, if it is seen of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// Nothing: the server asked for patience, or fails by itself.
    Never,
    /// Another way to the cluster than that of this number.
    Link(u64),
    /// Another way than that of this number, or the scope being followed in other parts.
    Allowed(u64),
    /// The scope being served again.
    Served,
}

impl Early {
    /// Returns what ends the pause after a trouble over the way of this number.
    pub(crate) fn after(trouble: &Trouble, link: u64) -> Self {
        if trouble.verdict() == Some(Verdict::Forbidden) {
            Self::Allowed(link)
        } else if trouble.is_about_the_way() {
            Self::Link(link)
        } else {
            Self::Never
        }
    }

    /// Returns whether the pause of a scope is over.
    pub(crate) fn is_over(self, view: &View, scope: &Scope) -> bool {
        let is_followed = || view.followed_by_scope.contains_key(scope);
        match self {
            Self::Never => false,
            Self::Link(number) => view.link_number() > number,
            Self::Allowed(number) => view.link_number() > number || !is_followed(),
            Self::Served => is_followed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k1s_kubernetes_watch::Refusal;

    use super::*;

    #[test]
    fn only_what_a_pause_is_about_ends_it() {
        let refused = |code| Trouble::Refused(Refusal::read(code, None, b""));
        for (trouble, expected) in [
            (refused(401), Early::Link(3)),
            (refused(403), Early::Allowed(3)),
            (refused(429), Early::Never),
            (refused(503), Early::Never),
            (refused(500), Early::Never),
            (Trouble::Broken(String::new()), Early::Link(3)),
            (Trouble::Silent(Duration::ZERO), Early::Link(3)),
            (Trouble::Credentials(String::new()), Early::Link(3)),
            (Trouble::OtherCluster, Early::Link(3)),
            (Trouble::Cut, Early::Never),
        ] {
            assert_eq!(Early::after(&trouble, 3), expected, "{trouble:?}");
        }
        let scope = Scope::new("c/pods");
        let nothing = View::default();
        assert!(Early::Allowed(0).is_over(&nothing, &scope));
        for early in [Early::Never, Early::Link(0), Early::Served] {
            assert!(!early.is_over(&nothing, &scope), "{early:?}");
        }
    }
}
