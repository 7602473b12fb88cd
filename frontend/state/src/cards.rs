//! The cards of the payment sandbox.

/// A card that only the sandbox knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCard {
    /// Its number, as one would type it.
    pub number: &'static str,
    /// What the server calls it.
    pub token: &'static str,
    /// What happens when one pays with it.
    pub outcome: &'static str,
    /// Whether it pays.
    pub pays: bool,
}

/// All cards that the form offers, the one that pays first.
pub const TEST_CARDS: [TestCard; 5] = [
    TestCard {
        number: "4242 4242 4242 4242",
        token: "tok_visa",
        outcome: "Pays",
        pays: true,
    },
    TestCard {
        number: "4000 0000 0000 0002",
        token: "tok_chargeDeclined",
        outcome: "Is declined",
        pays: false,
    },
    TestCard {
        number: "4000 0000 0000 9995",
        token: "tok_chargeDeclinedInsufficientFunds",
        outcome: "Has insufficient funds",
        pays: false,
    },
    TestCard {
        number: "4000 0000 0000 0069",
        token: "tok_chargeDeclinedExpiredCard",
        outcome: "Has expired",
        pays: false,
    },
    TestCard {
        number: "4000 0000 0000 0127",
        token: "tok_chargeDeclinedIncorrectCvc",
        outcome: "Has a wrong security code",
        pays: false,
    },
];

/// The test card of what was typed, with or without spaces or dashes.
pub fn test_card(typed: &str) -> Option<TestCard> {
    let digits = |text: &str| {
        text.chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect::<String>()
    };
    let typed = digits(typed);
    TEST_CARDS
        .into_iter()
        .find(|card| digits(card.number) == typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_recognized_with_any_spacing() {
        for typed in [
            "4242424242424242",
            "4242 4242 4242 4242",
            " 4242-4242-4242-4242 ",
        ] {
            assert_eq!(test_card(typed).unwrap().token, "tok_visa", "{typed}");
        }
        for typed in ["", "4242", "42424242424242420", "tok_visa"] {
            assert_eq!(test_card(typed), None, "{typed}");
        }
    }
}
