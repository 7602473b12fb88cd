//! What pages are made of.

mod ask_once;
mod badge;
mod banner;
mod button;
mod countdown;
mod credentials;
mod field;
mod footer;
mod header;
mod hold_bar;
mod icon;
mod link;
mod notice;
mod skeleton;
mod ticket_form;
mod title;
mod toast;

pub use ask_once::AskOnce;
pub use badge::{Badge, StubArt, order_badge, ticket_badge};
pub use banner::Banner;
pub use button::{Button, Tone};
pub use countdown::{CountdownClock, hold_of, use_countdown};
pub use credentials::{CredentialsForm, Purpose};
pub use field::TextField;
pub use footer::Footer;
pub use header::Header;
pub use hold_bar::HoldBar;
pub use icon::{Icon, Shape};
pub use link::Link;
pub use notice::{FailureNotice, Late, Notice, NoticeTone, Said};
pub use skeleton::{CardSkeletons, PageSkeleton, RowSkeletons};
pub use ticket_form::TicketForm;
pub use title::{PageHead, use_title};
pub use toast::Toast;
