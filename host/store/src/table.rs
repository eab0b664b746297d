//! The tables of the store, and what their keys are.

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// One ordered table of the storage engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $variant,)+
        }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name of the table in the file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

tables! {
    /// Facts about the file itself, by name: format version, instance id, revision, how far versions were dropped.
    Meta = "meta",
    /// Versions of objects, by revision (u64, big-endian).
    Versions = "versions",
    /// The revisions of an object, by key, zero byte, revision.
    VersionsByKey = "versions_by_key",
    /// What an object is now, and who owns it, by key.
    Current = "current",
    /// What a source owns, by source, scope, key.
    Inventory = "inventory",
    /// Base documents that differ from the stored object, by source, scope, key.
    Bases = "bases",
    /// What a source declares and the host could not apply yet, by source, scope, declared key.
    Pending = "pending",
    /// The same by what it waits for (an object that another source owns, for a claim), then source, scope, declared key.
    PendingByCause = "pending_by_cause",
    /// Pruned objects, by the revision that deleted them: the oldest first.
    Tombstones = "tombstones",
    /// The same by prune, zero byte, revision.
    TombstonesByPrune = "tombstones_by_prune",
    /// Held prunes, by source, scope.
    Held = "held",
    /// The rows of held prunes, by source, scope, key.
    HeldRows = "held_rows",
    /// Counts and peaks the guard looks at, by source, group and kind.
    Shrink = "shrink",
    /// What is remembered of a source, by source.
    Sources = "sources",
    /// What the inventory and the positions of a source stand on, by source.
    Grounds = "grounds",
    /// How a source fares, by source.
    Status = "status",
    /// How often a source broke the contract, by source.
    Offences = "offences",
    /// What is remembered of a scope, by source, scope.
    Scopes = "scopes",
    /// Kinds that only a source described, by group and kind.
    Kinds = "kinds",
}
