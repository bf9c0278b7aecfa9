//! Who is in which groups, and which groups may use a service, in as little memory as it takes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use domain::GroupId;

/// The groups that an account is in, as numbers in their order. Most accounts are in none or a few, and many are in the same
/// ones: the list is there once for all of them, and none at all takes no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Option<List>);

/// A pointer to a boxed slice is half as long as a pointer to a slice, and every account has one.
type List = Arc<Box<[u32]>>;

/// Who may use a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Everyone who has an account.
    Everyone,
    /// Who is in one of these groups.
    Groups(GroupSet),
}

/// Some groups: a bit for each group's number, so that asking for one takes one step however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSet(Box<[u64]>);

impl Allowed {
    /// Whether somebody in these groups may.
    #[must_use]
    pub fn admits(&self, groups: &Groups) -> bool {
        match self {
            Self::Everyone => true,
            Self::Groups(allowed) => groups.numbers().iter().any(|number| allowed.contains(*number)),
        }
    }
}

impl GroupSet {
    fn contains(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

impl FromIterator<u32> for GroupSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut words = Vec::new();
        for (word, bit) in numbers.into_iter().map(place) {
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(word) = words.get_mut(word) {
                *word |= bit;
            }
        }
        Self(words.into())
    }
}

/// In which word of a set a number has its bit, and which bit.
fn place(number: u32) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

impl Groups {
    fn numbers(&self) -> &[u32] {
        self.0.as_deref().map_or(&[], |list| list)
    }
}

/// The numbers of groups, and the lists that accounts share.
#[derive(Default)]
pub(crate) struct Numbering {
    /// A number is never another group's, so that what was read before a group was removed can't mean a later one.
    numbers: HashMap<GroupId, u32>,
    lists: HashSet<List>,
    /// How many lists there may be until those that no account has any more are forgotten.
    lists_before_tidying: usize,
}

/// Fewer lists aren't worth tidying.
const FEW: usize = 64;

impl Numbering {
    pub(crate) fn number(&mut self, group: GroupId) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(group).or_insert(next)
    }

    pub(crate) fn groups(&mut self, of: &[GroupId]) -> Groups {
        if of.is_empty() {
            return Groups::default();
        }
        let mut numbers: Vec<_> = of.iter().map(|group| self.number(*group)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let list: List = Arc::new(numbers.into());
        if let Some(shared) = self.lists.get(&list) {
            return Groups(Some(Arc::clone(shared)));
        }
        if self.lists.len() >= self.lists_before_tidying {
            self.lists.retain(|list| Arc::strong_count(list) > 1);
            self.lists_before_tidying = FEW.max(2 * self.lists.len());
        }
        self.lists.insert(Arc::clone(&list));
        Groups(Some(list))
    }

    pub(crate) fn set(&mut self, groups: &[GroupId]) -> GroupSet {
        groups.iter().map(|group| self.number(*group)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn ids(numbers: &[u8]) -> Vec<GroupId> {
        numbers.iter().map(|n| GroupId::from_bytes([*n; 16])).collect()
    }

    proptest! {
        #[test]
        fn who_is_in_one_of_the_allowed_groups_is_admitted_and_nobody_else(
            (of, allowed) in (vec(0..250_u8, 0..12), vec(0..250_u8, 0..200)),
            before in vec(0..250_u8, 0..250),
        ) {
            let mut numbering = Numbering::default();
            // Numbers are given as groups come: any order, any gaps.
            numbering.groups(&ids(&before));
            let (groups, set) = (numbering.groups(&ids(&of)), numbering.set(&ids(&allowed)));
            let meant = of.iter().any(|n| allowed.contains(n));
            prop_assert_eq!(Allowed::Groups(set).admits(&groups), meant);
            prop_assert!(Allowed::Everyone.admits(&groups));
        }
    }

    #[test]
    fn no_group_allowed_is_nobody_and_not_everyone() {
        let mut numbering = Numbering::default();
        let nobody = Allowed::Groups(numbering.set(&[]));
        for groups in [numbering.groups(&[]), numbering.groups(&ids(&[1, 2]))] {
            assert!(!nobody.admits(&groups));
        }
        assert!(!Allowed::Groups(numbering.set(&ids(&[1]))).admits(&Groups::default()));
    }

    #[test]
    fn accounts_in_the_same_groups_share_one_list_which_goes_with_the_last_of_them() {
        let mut numbering = Numbering::default();
        let (one, same) = (numbering.groups(&ids(&[3, 1, 2])), numbering.groups(&ids(&[2, 3, 1, 1])));
        assert!(Arc::ptr_eq(one.0.as_ref().unwrap(), same.0.as_ref().unwrap()));
        for round in 0..10_000_u32 {
            let of: Vec<_> =
                round.to_be_bytes().iter().enumerate().map(|(at, n)| n / 4 + at as u8 * 64).collect();
            numbering.groups(&ids(&of));
        }
        assert!(numbering.lists.len() <= 2 * FEW, "{}", numbering.lists.len());
        assert_eq!(numbering.groups(&ids(&[1, 2, 3])), one);
        assert_eq!(size_of::<Groups>(), 8);
    }
}
