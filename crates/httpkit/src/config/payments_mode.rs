//! Where money can be taken.

/// What `PAYMENTS` may be, in words.
pub(super) const ALLOWED: &str =
    "stripe (real money), stripe-test (Stripe's test mode) or sandbox (as if)";

/// Where money is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentsMode {
    /// Stripe, with live keys: real money.
    Stripe,
    /// Stripe, with keys of its test mode.
    StripeTest,
    /// The built-in sandbox, which moves no money.
    Sandbox,
}

impl PaymentsMode {
    /// As the variable says it, and the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::StripeTest => "stripe-test",
            Self::Sandbox => "sandbox",
        }
    }

    /// Whether cards are charged through Stripe, in either mode.
    pub const fn is_stripe(self) -> bool {
        !matches!(self, Self::Sandbox)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        [Self::Stripe, Self::StripeTest, Self::Sandbox]
            .into_iter()
            .find(|mode| mode.as_str() == text)
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
