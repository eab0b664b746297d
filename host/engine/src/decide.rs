//! What is to be done about one object: the table of the design, as a function.
//!
//! The function is total over what can be known about base, source and local state; the writer finds those out inside its
//! transaction, so a decision never races with another write. What an object becomes is [`k1s_object::overlay`]'s part.

/// How a source's declaration stands to what it declared before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It never declared the object, as far as the host applied it.
    New,
    /// As before.
    Same,
    /// Different.
    Changed,
    /// It no longer declares the object.
    Gone,
}

/// How the object in the store stands to what this source applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalState {
    /// There is no object.
    Absent,
    /// There is one that no source owns, or one with another uid than the source's.
    Unowned(Likeness),
    /// Made by the host so that objects had a namespace; waits for its first declaration.
    HostMade,
    /// There is one that another source owns.
    OwnedByOther,
    /// As the source left it, in every field it declares.
    Untouched,
    /// A field the source declares was changed or removed locally.
    Edited,
}

/// Whether an object that is in the way has the declared fields with the declared values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Every declared field is equal.
    Equal,
    /// Some declared field differs.
    Different,
}

/// Who wins when source and local changes meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The source, for every field it declares; the others survive.
    #[default]
    SourceWins,
}

/// When a source may take over an object that nobody owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adoption {
    /// When the declared fields already have the declared values.
    #[default]
    IfEqual,
    /// When no source owns it.
    IfUnowned,
    /// As `IfUnowned`; never from another owner.
    Always,
    /// Never.
    Never,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the declaration as a new object.
    Create,
    /// Take over the object that is there, and lay the declaration over it.
    Adopt,
    /// Leave the object; it is in the way of the declaration.
    RefuseAdoption,
    /// Leave the object to its owner, and remember the claim.
    Claim,
    /// Nothing.
    Keep,
    /// Lay the declaration over the object.
    Update,
    /// Lay the unchanged declaration over an object that was edited.
    Revert,
    /// Write the declaration as a new object in place of one that was deleted locally.
    Recreate,
    /// Delete the object, and keep a tombstone.
    Prune,
    /// Drop what is remembered; there is no object of ours.
    Forget,
}

/// Decides one object. `source` is [`SourceState::New`] exactly when the host has no base of this source for the key.
#[must_use]
pub fn decide(policy: ConflictPolicy, adoption: Adoption, source: SourceState, local: LocalState) -> Action {
    match policy {
        ConflictPolicy::SourceWins => source_wins(adoption, source, local),
    }
}

fn source_wins(adoption: Adoption, source: SourceState, local: LocalState) -> Action {
    match (source, local) {
        (SourceState::New, LocalState::Absent) => Action::Create,
        (SourceState::New | SourceState::Same | SourceState::Changed, LocalState::OwnedByOther) => Action::Claim,
        (SourceState::New, LocalState::HostMade | LocalState::Untouched | LocalState::Edited) => Action::Adopt,
        (SourceState::New | SourceState::Same | SourceState::Changed, LocalState::Unowned(likeness)) => {
            adopt(adoption, likeness)
        }
        (SourceState::Same | SourceState::Changed, LocalState::HostMade) => Action::Adopt,
        (SourceState::Same, LocalState::Untouched) => Action::Keep,
        (SourceState::Same, LocalState::Edited) => Action::Revert,
        (SourceState::Changed, LocalState::Untouched | LocalState::Edited) => Action::Update,
        (SourceState::Same | SourceState::Changed, LocalState::Absent) => Action::Recreate,
        (SourceState::Gone, LocalState::Untouched | LocalState::Edited) => Action::Prune,
        (
            SourceState::Gone,
            LocalState::Absent | LocalState::Unowned(_) | LocalState::HostMade | LocalState::OwnedByOther,
        ) => Action::Forget,
    }
}

fn adopt(adoption: Adoption, likeness: Likeness) -> Action {
    match (adoption, likeness) {
        (Adoption::IfEqual, Likeness::Equal) | (Adoption::IfUnowned | Adoption::Always, _) => Action::Adopt,
        (Adoption::IfEqual, Likeness::Different) | (Adoption::Never, _) => Action::RefuseAdoption,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the design's table that SourceWins has, in its order.
    #[test]
    fn the_table_row_by_row() {
        use Action::{Adopt, Claim, Create, Forget, Keep, Prune, Recreate, RefuseAdoption, Revert, Update};
        use Likeness::{Different, Equal};
        use LocalState::{Absent, Edited, HostMade, OwnedByOther, Unowned, Untouched};
        use SourceState::{Changed, Gone, New, Same};
        for (row, source, local, expected) in [
            ("– new absent", New, Absent, Create),
            ("– new unowned, equal", New, Unowned(Equal), Adopt),
            ("– new unowned, different", New, Unowned(Different), RefuseAdoption),
            ("– new made by the host", New, HostMade, Adopt),
            ("– new owned by another", New, OwnedByOther, Claim),
            ("B =B =A", Same, Untouched, Keep),
            ("B changed =A", Changed, Untouched, Update),
            ("B =B changed", Same, Edited, Revert),
            ("B changed changed", Changed, Edited, Update),
            ("B gone =A", Gone, Untouched, Prune),
            ("B gone changed", Gone, Edited, Prune),
            ("B =B gone", Same, Absent, Recreate),
            ("B changed gone", Changed, Absent, Recreate),
            ("B gone gone", Gone, Absent, Forget),
            ("B =B another uid", Same, Unowned(Different), RefuseAdoption),
            ("B gone another uid", Gone, Unowned(Equal), Forget),
            ("B gone owned by another", Gone, OwnedByOther, Forget),
        ] {
            let action = decide(ConflictPolicy::SourceWins, Adoption::IfEqual, source, local);
            assert_eq!(action, expected, "{row}");
        }
    }

    #[test]
    fn adoption_follows_its_rule() {
        use Likeness::{Different, Equal};
        for (adoption, likeness, expected) in [
            (Adoption::IfEqual, Equal, Action::Adopt),
            (Adoption::IfEqual, Different, Action::RefuseAdoption),
            (Adoption::IfUnowned, Different, Action::Adopt),
            (Adoption::Always, Different, Action::Adopt),
            (Adoption::Never, Equal, Action::RefuseAdoption),
        ] {
            let local = LocalState::Unowned(likeness);
            assert_eq!(
                decide(ConflictPolicy::SourceWins, adoption, SourceState::New, local),
                expected,
                "{adoption:?}"
            );
        }
    }
}
