//! The users of a simulation.

use domain::{Email, UserId};

use crate::{error::SimulationError, rng::Rng};

/// Users of one kind. They sign up when they first have something to do.
#[derive(Debug)]
pub(crate) struct People {
    kind: &'static str,
    season: u64,
    ids: Vec<Option<UserId>>,
}

/// A user who signed up.
pub(crate) enum Visitor {
    /// Already signed up.
    Known(UserId),
    /// New; must sign up.
    New(Email),
}

impl People {
    pub fn new(kind: &'static str, season: u64, count: u32) -> Self {
        // A market needs at least one user.
        let ids = vec![None; count.max(1) as usize];
        Self { kind, season, ids }
    }

    /// Picks a user, some more often than others.
    pub fn draw(&mut self, rng: &mut Rng) -> Result<Visitor, SimulationError> {
        let number = rng.skewed(self.ids.len());
        if let Some(id) = self.ids[number] {
            return Ok(Visitor::Known(id));
        }
        // A domain that RFC 2606 reserves: no mail can be delivered.
        let (kind, number, season) = (self.kind, number + 1, self.season);
        let email = Email::parse(&format!("{kind}-{number}@{season:016x}.season.example"))?;
        self.ids[number - 1] = Some(UserId::of(&email));
        Ok(Visitor::New(email))
    }
}
