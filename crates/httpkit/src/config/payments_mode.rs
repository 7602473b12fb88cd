//! Where money can be taken.

/// What `PAYMENTS` may be, in words.
pub(super) const ALLOWED: &str =
    "stripe (real money), stripe-test (Stripe's test mode) or sandbox (as if)";

/// Where money is taken; as text, what the variable and the metric say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum PaymentsMode {
    /// Stripe, with live keys: real money.
    Stripe,
    /// Stripe, with keys of its test mode.
    StripeTest,
    /// The built-in sandbox, which moves no money.
    Sandbox,
}

impl PaymentsMode {
    /// Whether cards are charged through Stripe, in either mode.
    pub const fn is_stripe(self) -> bool {
        !matches!(self, Self::Sandbox)
    }

    /// The part of a key's name that tells its mode, and that of the other mode.
    pub(super) const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Stripe => ("live", "PAYMENTS is stripe"),
            Self::StripeTest => ("test", "PAYMENTS is stripe-test"),
            Self::Sandbox => ("", "PAYMENTS is sandbox"),
        }
    }
}
