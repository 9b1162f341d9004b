//! Ids that look random but encode the location of their object.
//!
//! The 122 free bits of a UUID hold a [`Key`] and a checksum, both masked, so the demo needs no index
//! of the tens of thousands of objects it can show.

use crate::demo::world::random::mix;

const MASK_60: u64 = (1 << 60) - 1;
const MASK_62: u64 = (1 << 62) - 1;

/// The kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A pipeline.
    Pipeline = 1,
    /// A workflow of a pipeline.
    Workflow,
    /// A job of a workflow.
    Job,
    /// The approval request of an approval job.
    Approval,
    /// A person.
    User,
    /// A project.
    Project,
    /// An organization.
    Organization,
    /// An object created by users: a context, a webhook, a schedule.
    Made,
    /// A pipeline definition of a project.
    Definition,
    /// A received request.
    Request,
    /// A component that is deployed.
    Component,
    /// An environment to deploy to.
    Environment,
    /// A decision of a policy.
    Decision,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Pipeline,
        Self::Workflow,
        Self::Job,
        Self::Approval,
        Self::User,
        Self::Project,
        Self::Organization,
        Self::Made,
        Self::Definition,
        Self::Request,
        Self::Component,
        Self::Environment,
        Self::Decision,
    ];
}

/// The location of an object in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The kind of the object.
    pub kind: Kind,
    /// The index of the project, below 16.
    pub project: u8,
    /// The number of the pipeline, or of the object.
    pub number: u32,
    /// The index of the workflow in its pipeline, below 1024.
    pub workflow: u16,
    /// The index of the job in its workflow, below 1024.
    pub job: u16,
}

impl Key {
    /// Creates the key of an object that only has a number.
    pub fn numbered(kind: Kind, number: u32) -> Self {
        Self {
            kind,
            project: 0,
            number,
            workflow: 0,
            job: 0,
        }
    }

    fn pack(self) -> u64 {
        (self.kind as u64) << 56
            | u64::from(self.project & 0xf) << 52
            | u64::from(self.number) << 20
            | u64::from(self.workflow & 0x3ff) << 10
            | u64::from(self.job & 0x3ff)
    }

    fn unpack(bits: u64) -> Option<Self> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| (*kind as u64) == bits >> 56)?;
        let field = |shift: u32, mask: u64| bits >> shift & mask;
        Some(Self {
            kind,
            project: u8::try_from(field(52, 0xf)).ok()?,
            number: u32::try_from(field(20, 0xffff_ffff)).ok()?,
            workflow: u16::try_from(field(10, 0x3ff)).ok()?,
            job: u16::try_from(field(0, 0x3ff)).ok()?,
        })
    }
}

/// Returns the UUID (formally version 4) of an object.
pub fn uuid(seed: u64, key: Key) -> String {
    let data = key.pack();
    let check = mix(seed, &[data]) & MASK_62;
    let high = (data ^ mix(seed, &[check])) & MASK_60;
    let low = 1 << 63 | check;
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 28,
        high >> 12 & 0xffff,
        high & 0xfff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Returns the key of a UUID with this seed.
pub fn find(seed: u64, uuid: &str) -> Option<Key> {
    let lengths = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = uuid.split('-').collect();
    if groups.len() != lengths.len() || !groups.iter().zip(lengths).all(|(g, n)| g.len() == n) {
        return None;
    }
    let number = |index: usize| u64::from_str_radix(groups[index], 16).ok();
    if number(2)? >> 12 != 4 {
        return None;
    }
    let high = number(0)? << 28 | number(1)? << 12 | number(2)? & 0xfff;
    let low = number(3)? << 48 | number(4)?;
    let check = low & MASK_62;
    let data = (high ^ mix(seed, &[check])) & MASK_60;
    let whole = low >> 62 == 2 && mix(seed, &[data]) & MASK_62 == check;
    if whole { Key::unpack(data) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_thing() {
        for (number, workflow, job) in [(0, 0, 0), (4821, 3, 7), (u32::MAX, 1023, 1023)] {
            let key = Key {
                kind: Kind::Job,
                project: 2,
                number,
                workflow,
                job,
            };
            let text = uuid(9, key);
            assert_eq!(text.len(), 36);
            assert_eq!(find(9, &text), Some(key));
            assert_eq!(find(9, &text.to_uppercase()), Some(key));
            assert_eq!(find(8, &text), None);
        }
    }

    #[test]
    fn foreign_ids_lead_nowhere() {
        for text in [
            "",
            "5034460f-c7c4-4c43-9457",
            "497f6eca-6276-4993-bfeb-53cbbbba6f08",
            "é",
        ] {
            assert_eq!(find(1, text), None);
        }
    }
}
