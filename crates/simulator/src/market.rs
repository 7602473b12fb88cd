//! The season's course: who comes when, and what is offered.

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use domain::{
    Price, TicketId, Title, UserId,
    ticket::TicketCommand,
    user::{NO_PASSWORD, User, UserCommand},
};
use eventstore::{HistoricalCommit, TICKETS, USERS};
use uuid::Uuid;

use crate::{
    Plan, SeasonError,
    agenda::Agenda,
    calendar::Calendar,
    catalog,
    dice::Dice,
    lot::{Lot, Lots},
    people::{Arrival, People},
    record::{Kept, Origin, Record},
    sale::SaleStep,
};

/// Visits for each ticket, crowds aside: about half of them end with an order, and some of those with nothing.
const VISITS: u64 = 3;
/// Visitors that a flash sale brings for each ticket that takes part.
const CROWD: u64 = 3;

/// What a season came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Commands that the aggregates refused, which leave nothing in the log.
    pub refused: u64,
}

/// A season, commit by commit, in order of time. The iterator is the simulation: it is at the
/// moment of the commit that it gave last.
#[derive(Debug)]
pub struct Season {
    plan: Plan,
    calendar: Calendar,
    sellers: People,
    buyers: People,
    pub(crate) dice: Dice,
    pub(crate) agenda: Agenda<Act>,
    pub(crate) lots: Lots,
    pub(crate) record: Record,
    /// The tickets of the flash sale that is on, with the prices that they had.
    flash: Vec<(usize, Price)>,
}

/// Something that is about to happen.
#[derive(Debug)]
pub(crate) enum Act {
    /// An hour begins.
    Hour(usize),
    /// Somebody has something to sell.
    Offer,
    /// A known seller lists a ticket.
    List(UserId),
    /// A seller thinks about a price.
    Reconsider(usize),
    /// Somebody looks around.
    Visit,
    /// A known buyer looks around.
    Look(UserId),
    /// Prices fall for a while.
    FlashBegins,
    /// They go back.
    FlashEnds,
    /// A step of a sale.
    Sale(usize, SaleStep),
}

impl Season {
    /// A season by plan, at its first moment.
    pub fn new(plan: Plan) -> Self {
        let mut agenda = Agenda::new();
        agenda.note(plan.start, Act::Hour(0));
        Self {
            plan,
            calendar: Calendar::new(&plan),
            sellers: People::new("seller", plan.key(), plan.sellers),
            buyers: People::new("buyer", plan.key(), plan.buyers),
            dice: Dice::new(plan.key()),
            agenda,
            lots: Lots::default(),
            record: Record::default(),
            flash: Vec::new(),
        }
    }

    /// The plan that it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What it came to so far.
    pub fn tally(&self) -> Tally {
        self.record.tally
    }

    fn act(&mut self, now: DateTime<Utc>, act: Act) -> Result<(), SeasonError> {
        match act {
            Act::Hour(hour) => self.begin_hour(hour),
            Act::Offer => {
                let arrival = self.sellers.draw(&mut self.dice)?;
                let (seller, wait) = self.welcome(now, arrival, 1_200)?;
                self.agenda.note(now + wait, Act::List(seller));
            }
            Act::List(seller) => self.list(now, seller)?,
            Act::Reconsider(lot) => self.reconsider(now, lot)?,
            Act::Visit => {
                let arrival = self.buyers.draw(&mut self.dice)?;
                let (buyer, wait) = self.welcome(now, arrival, 240)?;
                self.agenda.note(now + wait, Act::Look(buyer));
            }
            Act::Look(buyer) => self.look(now, buyer),
            Act::FlashBegins => self.begin_flash(now)?,
            Act::FlashEnds => self.end_flash(now)?,
            Act::Sale(lot, step) => self.sell(now, lot, step)?,
        }
        Ok(())
    }

    fn begin_hour(&mut self, hour: usize) {
        let Some(begin) = self.calendar.hour(hour) else {
            return;
        };
        let tickets = u64::from(self.plan.tickets);
        for _ in 0..self.calendar.listings(hour, tickets) {
            let at = begin + self.dice.millis(0, 3_599_999);
            self.agenda.note(at, Act::Offer);
        }
        for _ in 0..self.calendar.visits(hour, tickets * VISITS) {
            let at = begin + self.dice.millis(0, 3_599_999);
            self.agenda.note(at, Act::Visit);
        }
        // Every second Thursday evening, more or less.
        if hour % 24 == 19 && begin.weekday() == Weekday::Thu && self.dice.percent(50) {
            self.agenda
                .note(begin + TimeDelta::minutes(30), Act::FlashBegins);
        }
        self.agenda
            .note(begin + TimeDelta::hours(1), Act::Hour(hour + 1));
    }

    /// Signs somebody up who is new, which takes a while.
    fn welcome(
        &mut self,
        now: DateTime<Utc>,
        arrival: Arrival,
        seconds: u64,
    ) -> Result<(UserId, TimeDelta), SeasonError> {
        let email = match arrival {
            Arrival::Known(user) => return Ok((user, self.dice.millis(0, 2_000))),
            Arrival::New(email) => email,
        };
        let user = UserId::of(&email);
        let command = UserCommand::Register {
            email,
            password_hash: NO_PASSWORD.to_owned(),
            at: now,
        };
        let origin = Origin::request(&mut self.dice, user);
        let mut account = Kept::<User>::default();
        self.record.execute(
            (USERS, user.0),
            &mut account,
            command,
            (&origin, now, &mut self.dice),
        )?;
        Ok((user, self.dice.seconds(20, seconds)))
    }

    fn list(&mut self, now: DateTime<Utc>, seller: UserId) -> Result<(), SeasonError> {
        let offer = catalog::draw(&mut self.dice)?;
        let origin = Origin::request(&mut self.dice, seller);
        let id = TicketId(Uuid::new_v5(&origin.command, b"ticket"));
        let mut ticket = Kept::default();
        let command = TicketCommand::List {
            id,
            seller,
            title: offer.title,
            price: offer.price,
        };
        self.record.execute(
            (TICKETS, id.0),
            &mut ticket,
            command,
            (&origin, now, &mut self.dice),
        )?;
        let lot = self.lots.add(Lot {
            id,
            seller,
            worth: offer.worth,
            revisions: 0,
            ticket,
            orders: Kept::default(),
            payments: std::collections::HashMap::new(),
        });
        let until = now + TimeDelta::hours(12) + self.dice.seconds(0, 4 * 86_400);
        if until < self.plan.end() {
            self.agenda.note(until, Act::Reconsider(lot));
        }
        Ok(())
    }

    /// Most who haven't sold by now ask for less, a few for more.
    fn reconsider(&mut self, now: DateTime<Utc>, number: usize) -> Result<(), SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            return Ok(());
        };
        let Some(listing) = lot.ticket.state.listing() else {
            return Ok(());
        };
        let percent = match self.dice.below(10) {
            0..=4 => self.dice.between(84, 97),
            5 => self.dice.between(103, 112),
            _ => 100,
        };
        let price = catalog::rounded(listing.price.cents() * percent / 100)?;
        let changed = price != listing.price;
        lot.revisions += 1;
        let more = lot.revisions < 6;
        if changed {
            self.revise(now, number, price)?;
        }
        let next = now + TimeDelta::hours(20) + self.dice.seconds(0, 5 * 86_400);
        if more && next < self.plan.end() {
            self.agenda.note(next, Act::Reconsider(number));
        }
        Ok(())
    }

    /// A seller changes a price; gives the title. A ticket that is held refuses.
    fn revise(
        &mut self,
        now: DateTime<Utc>,
        number: usize,
        price: Price,
    ) -> Result<Option<Title>, SeasonError> {
        let Some(lot) = self.lots.get(number) else {
            return Ok(None);
        };
        let Some(title) = lot
            .ticket
            .state
            .listing()
            .map(|listing| listing.title.clone())
        else {
            return Ok(None);
        };
        let origin = Origin::request(&mut self.dice, lot.seller);
        let command = TicketCommand::Revise {
            by: lot.seller,
            title: title.clone(),
            price,
            expected: None,
            has_live_order: lot.orders.state.live().is_some(),
            orders_seen: lot.orders.version,
        };
        let id = lot.id.0;
        let done = self.record.execute(
            (TICKETS, id),
            &mut lot.ticket,
            command,
            (&origin, now, &mut self.dice),
        )?;
        Ok(done.map(|_| title))
    }

    /// Looks at a few tickets and perhaps orders the one that seems the best buy.
    fn look(&mut self, now: DateTime<Utc>, buyer: UserId) {
        let flash = !self.flash.is_empty() && self.dice.percent(80);
        let mut best: Option<(u64, usize, Price)> = None;
        for _ in 0..4 {
            let drawn = if flash {
                self.flash
                    .get(self.dice.index(self.flash.len()))
                    .map(|(lot, _)| *lot)
            } else {
                let shown = self.lots.shown();
                shown.get(self.dice.index(shown.len())).copied()
            };
            let Some(number) = drawn else { continue };
            let Some(lot) = self.lots.get(number) else {
                continue;
            };
            let Some(listing) = lot.ticket.state.listing() else {
                continue;
            };
            let appeal = catalog::appeal(listing.price, lot.worth);
            if lot.seller != buyer && best.is_none_or(|(other, ..)| appeal > other) {
                best = Some((appeal, number, listing.price));
            }
        }
        if let Some((appeal, lot, seen)) = best
            && self.dice.percent(appeal)
        {
            // Nobody orders at once, so another may be faster, or the price another by then.
            let at = now + self.dice.seconds(4, if flash { 30 } else { 180 });
            let step = SaleStep::Order { buyer, seen };
            self.agenda.note(at, Act::Sale(lot, step));
        }
    }

    fn begin_flash(&mut self, now: DateTime<Utc>) -> Result<(), SeasonError> {
        let count = self.lots.shown().len() / 20;
        for _ in 0..count {
            let shown = self.lots.shown();
            let number = shown[self.dice.index(shown.len())];
            if self.flash.iter().any(|(other, _)| *other == number) {
                continue;
            }
            let Some(listing) = self
                .lots
                .get(number)
                .and_then(|lot| lot.ticket.state.listing())
            else {
                continue;
            };
            let before = listing.price;
            let price = catalog::rounded(before.cents() * 70 / 100)?;
            if self.revise(now, number, price)?.is_some() {
                self.flash.push((number, before));
            }
        }
        for _ in 0..self.flash.len() as u64 * CROWD {
            // Most come in the first minutes.
            let minutes = self.dice.below(2_400);
            let at = now + self.dice.seconds(0, minutes);
            self.agenda.note(at, Act::Visit);
        }
        self.agenda.note(now + TimeDelta::hours(1), Act::FlashEnds);
        Ok(())
    }

    /// What didn't sell costs again what it did, unless it is held at that moment.
    fn end_flash(&mut self, now: DateTime<Utc>) -> Result<(), SeasonError> {
        for (number, before) in std::mem::take(&mut self.flash) {
            self.revise(now, number, before)?;
        }
        Ok(())
    }
}

impl Iterator for Season {
    type Item = Result<HistoricalCommit, SeasonError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(commit) = self.record.commits.pop_front() {
                return Some(Ok(commit));
            }
            let (now, act) = self.agenda.next()?;
            if let Err(error) = self.act(now, act) {
                // What can't be made now can't be made later, and nothing follows from it.
                self.agenda = Agenda::new();
                return Some(Err(error));
            }
        }
    }
}
