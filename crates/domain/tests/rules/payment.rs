//! A payment: held, then captured or voided, never both.

use domain::{
    Currency, TicketId,
    payment::{DECLINE_WINDOW, Payment, PaymentCommand, PaymentError, PaymentEvent, PaymentStatus},
};

use crate::support::{at, given, order, payment_of, price, state, ticket_id, user};

fn begin_with(cents: u64) -> PaymentCommand {
    PaymentCommand::Begin {
        id: payment_of(1),
        order_id: order(1),
        ticket_id: ticket_id(),
        buyer: user(1),
        amount: price(cents),
        currency: Currency::USD,
        provider: "sandbox".to_owned(),
        reference: "pi_1".to_owned(),
        expires_at: at(900),
        at: at(0),
    }
}

fn begin() -> PaymentCommand {
    begin_with(2_000)
}

fn begun() -> PaymentEvent {
    PaymentEvent::PaymentBegun {
        payment_id: payment_of(1),
        order_id: order(1),
        ticket_id: ticket_id(),
        buyer: user(1),
        amount: price(2_000),
        currency: Currency::USD,
        provider: "sandbox".to_owned(),
        reference: "pi_1".to_owned(),
        expires_at: at(900),
        begun_at: at(0),
    }
}

fn authorized() -> PaymentEvent {
    PaymentEvent::PaymentAuthorized {
        order_id: order(1),
        ticket_id: ticket_id(),
    }
}

fn authorize() -> PaymentCommand {
    authorize_under("pi_1")
}

fn authorize_under(reference: &str) -> PaymentCommand {
    PaymentCommand::Authorize {
        reference: reference.to_owned(),
    }
}

fn void() -> PaymentCommand {
    void_under("pi_1")
}

fn void_under(reference: &str) -> PaymentCommand {
    PaymentCommand::Void {
        reference: reference.to_owned(),
    }
}

fn reopen(closed: &str, reference: &str) -> PaymentCommand {
    PaymentCommand::Reopen {
        closed: closed.to_owned(),
        reference: reference.to_owned(),
        at: at(20),
    }
}

fn reopened(reference: &str, attempt: u32) -> PaymentEvent {
    PaymentEvent::PaymentReopened {
        order_id: order(1),
        reference: reference.to_owned(),
        attempt,
        reopened_at: at(20),
    }
}

fn lost() -> PaymentEvent {
    PaymentEvent::PaymentLost {
        order_id: order(1),
        ticket_id: ticket_id(),
        amount: price(2_000),
    }
}

fn decline() -> PaymentCommand {
    decline_at(10)
}

fn decline_at(seconds: i64) -> PaymentCommand {
    PaymentCommand::Decline {
        reason: "Your card was declined.".to_owned(),
        at: at(seconds),
    }
}

fn declined() -> PaymentEvent {
    declined_at(10)
}

fn declined_at(seconds: i64) -> PaymentEvent {
    PaymentEvent::PaymentDeclined {
        order_id: order(1),
        reason: "Your card was declined.".to_owned(),
        declined_at: Some(at(seconds)),
    }
}

fn captured() -> PaymentEvent {
    PaymentEvent::PaymentCaptured {
        order_id: order(1),
        amount: price(2_000),
    }
}

fn voided() -> PaymentEvent {
    PaymentEvent::PaymentVoided { order_id: order(1) }
}

fn status(events: &[PaymentEvent]) -> PaymentStatus {
    state::<Payment>(events).begun().unwrap().status
}

#[test]
fn a_payment_begins_with_what_it_pays() {
    given::<Payment>(vec![])
        .when(begin())
        .then_expect_events(vec![begun()]);
    let payment: Payment = state(&[begun()]);
    let payment = payment.begun().unwrap();
    assert_eq!(payment.id, payment_of(1));
    assert_eq!(payment.order_id, order(1));
    assert_eq!(payment.ticket_id, ticket_id());
    assert_eq!(payment.buyer, user(1));
    assert_eq!(payment.amount, price(2_000));
    assert_eq!(payment.provider, "sandbox");
    assert_eq!(payment.reference, "pi_1");
    assert_eq!(payment.expires_at, at(900));
    assert_eq!(payment.status, PaymentStatus::Pending);
}

#[test]
fn beginning_again_changes_nothing() {
    for before in [
        vec![begun()],
        vec![begun(), declined()],
        vec![begun(), authorized()],
        vec![begun(), authorized(), captured()],
        vec![begun(), voided()],
    ] {
        given::<Payment>(before)
            .when(begin_with(1))
            .then_expect_events(vec![]);
    }
}

#[test]
fn a_payment_that_was_never_begun_is_not_found() {
    for command in [authorize(), decline(), PaymentCommand::Capture, void()] {
        given::<Payment>(vec![])
            .when(command)
            .then_expect_error(PaymentError::NotFound);
    }
}

#[test]
fn held_money_is_recorded() {
    given::<Payment>(vec![begun()])
        .when(authorize())
        .then_expect_events(vec![authorized()]);
    assert_eq!(status(&[begun(), authorized()]), PaymentStatus::Authorized);
}

#[test]
fn a_declined_payment_stays_open_for_another_card() {
    given::<Payment>(vec![begun()])
        .when(decline())
        .then_expect_events(vec![declined()]);
    assert_eq!(status(&[begun(), declined()]), PaymentStatus::Pending);
    given::<Payment>(vec![begun(), declined()])
        .when(authorize())
        .then_expect_events(vec![authorized()]);
}

/// This number of declined cards, one per second.
fn begun_and_declined(cards: usize) -> Vec<PaymentEvent> {
    let declined = (0_i64..).map(declined_at).take(cards);
    [begun()].into_iter().chain(declined).collect()
}

#[test]
fn ten_declined_cards_in_an_hour_block_the_payment() {
    let may_try = |events: &[PaymentEvent], seconds| {
        let payment: Payment = state(events);
        payment.begun().unwrap().may_try(at(seconds))
    };
    let (nine, ten) = (begun_and_declined(9), begun_and_declined(10));
    assert_eq!(may_try(&nine, 20), Ok(()));
    let hour = DECLINE_WINDOW.num_seconds();
    let refused = PaymentError::TooManyDeclines { until: at(hour) };
    assert_eq!(may_try(&ten, 20), Err(refused));
    assert_eq!(may_try(&ten, hour - 1), Err(refused));
    assert_eq!(
        may_try(&ten, hour),
        Ok(()),
        "the first was an hour ago by then"
    );
    let again = [ten, vec![declined_at(hour)]].concat();
    let until = at(hour + 1);
    assert_eq!(
        may_try(&again, hour),
        Err(PaymentError::TooManyDeclines { until })
    );
}

#[test]
fn further_declines_are_not_recorded_and_held_money_is() {
    given::<Payment>(begun_and_declined(9))
        .when(decline_at(20))
        .then_expect_events(vec![declined_at(20)]);
    given::<Payment>(begun_and_declined(10))
        .when(decline_at(20))
        .then_expect_events(vec![]);
    given::<Payment>(begun_and_declined(10))
        .when(authorize())
        .then_expect_events(vec![authorized()]);
}

#[test]
fn declines_without_a_time_are_read_and_not_counted() {
    let old = r#"{"type":"PaymentDeclined","data":{"order_id":"00000000-0000-0000-0000-00000000c001","reason":"No."}}"#;
    let old: PaymentEvent = serde_json::from_str(old).unwrap();
    let events = [vec![begun()], vec![old; 50]].concat();
    let payment: Payment = state(&events);
    assert_eq!(payment.begun().unwrap().may_try(at(0)), Ok(()));
}

#[test]
fn authorizing_again_changes_nothing() {
    for before in [
        vec![begun(), authorized()],
        vec![begun(), authorized(), captured()],
    ] {
        given::<Payment>(before)
            .when(authorize())
            .then_expect_events(vec![]);
    }
}

#[test]
fn a_late_decline_changes_nothing() {
    for before in [
        vec![begun(), authorized()],
        vec![begun(), authorized(), captured()],
        vec![begun(), voided()],
    ] {
        given::<Payment>(before)
            .when(decline())
            .then_expect_events(vec![]);
    }
}

#[test]
fn held_money_is_captured_to_the_amount() {
    given::<Payment>(vec![begun(), authorized()])
        .when(PaymentCommand::Capture)
        .then_expect_events(vec![captured()]);
    assert_eq!(
        status(&[begun(), authorized(), captured()]),
        PaymentStatus::Captured
    );
}

#[test]
fn money_that_is_not_held_is_not_captured() {
    for before in [vec![begun()], vec![begun(), declined()]] {
        given::<Payment>(before)
            .when(PaymentCommand::Capture)
            .then_expect_error(PaymentError::NotAuthorized);
    }
}

#[test]
fn capturing_again_changes_nothing() {
    given::<Payment>(vec![begun(), authorized(), captured()])
        .when(PaymentCommand::Capture)
        .then_expect_events(vec![]);
}

#[test]
fn a_payment_can_be_voided_before_and_after_authorization() {
    for before in [
        vec![begun()],
        vec![begun(), declined()],
        vec![begun(), authorized()],
    ] {
        given::<Payment>(before.clone())
            .when(void())
            .then_expect_events(vec![voided()]);
        let after = [before, vec![voided()]].concat();
        assert_eq!(status(&after), PaymentStatus::Voided);
    }
}

#[test]
fn voiding_again_changes_nothing() {
    given::<Payment>(vec![begun(), authorized(), voided()])
        .when(void())
        .then_expect_events(vec![]);
}

#[test]
fn captured_money_is_not_voided() {
    given::<Payment>(vec![begun(), authorized(), captured()])
        .when(void())
        .then_expect_error(PaymentError::Captured);
}

#[test]
fn a_voided_payment_accepts_no_authorization_and_no_capture() {
    for command in [authorize(), reopen("pi_1", "pi_2"), PaymentCommand::Capture] {
        given::<Payment>(vec![begun(), voided()])
            .when(command)
            .then_expect_error(PaymentError::Voided);
    }
}

#[test]
fn events_of_a_payment_without_a_beginning_are_ignored() {
    assert_eq!(
        state::<Payment>(&[authorized(), captured()]),
        Payment::default()
    );
}

#[test]
fn a_payment_with_a_closed_intent_continues_with_another() {
    given::<Payment>(vec![begun(), declined()])
        .when(reopen("pi_1", "pi_2"))
        .then_expect_events(vec![reopened("pi_2", 1)]);
    given::<Payment>(vec![begun(), reopened("pi_2", 1)])
        .when(reopen("pi_2", "pi_3"))
        .then_expect_events(vec![reopened("pi_3", 2)]);
    let payment: Payment = state(&[begun(), reopened("pi_2", 1)]);
    let payment = payment.begun().unwrap();
    assert_eq!((payment.reference.as_str(), payment.attempt), ("pi_2", 1));
    assert_eq!(payment.status, PaymentStatus::Pending);
}

#[test]
fn only_the_first_reopening_of_a_payment_counts() {
    for again in [reopen("pi_1", "pi_2"), reopen("pi_1", "pi_3")] {
        given::<Payment>(vec![begun(), reopened("pi_2", 1)])
            .when(again)
            .then_expect_events(vec![]);
    }
    // Nor is one reopened that holds or has captured money.
    for before in [
        vec![begun(), authorized()],
        vec![begun(), authorized(), captured()],
    ] {
        given::<Payment>(before)
            .when(reopen("pi_1", "pi_2"))
            .then_expect_events(vec![]);
    }
}

#[test]
fn results_for_a_closed_intent_do_not_affect_the_next() {
    for late in [authorize_under("pi_1"), void_under("pi_1")] {
        given::<Payment>(vec![begun(), reopened("pi_2", 1)])
            .when(late)
            .then_expect_error(PaymentError::Superseded);
    }
    given::<Payment>(vec![begun(), reopened("pi_2", 1)])
        .when(authorize_under("pi_2"))
        .then_expect_events(vec![authorized()]);
    given::<Payment>(vec![begun(), reopened("pi_2", 1)])
        .when(void_under("pi_2"))
        .then_expect_events(vec![voided()]);
}

#[test]
fn a_payment_belongs_to_one_order() {
    let begin_for = |of_order, of_ticket| {
        let mut other = begin();
        if let PaymentCommand::Begin {
            order_id,
            ticket_id,
            ..
        } = &mut other
        {
            (*order_id, *ticket_id) = (of_order, of_ticket);
        }
        other
    };
    let another_ticket = TicketId(uuid::Uuid::from_u128(0xB001));
    for before in [
        vec![begun()],
        vec![begun(), authorized()],
        vec![begun(), authorized(), captured()],
        vec![begun(), voided()],
    ] {
        for other in [
            begin_for(order(1), another_ticket),
            begin_for(order(2), ticket_id()),
        ] {
            given::<Payment>(before.clone())
                .when(other)
                .then_expect_error(PaymentError::OfAnotherOrder);
        }
        given::<Payment>(before)
            .when(begin_for(order(1), ticket_id()))
            .then_expect_events(vec![]);
    }
}

#[test]
fn lost_money_stays_lost() {
    given::<Payment>(vec![begun(), authorized()])
        .when(PaymentCommand::Lose)
        .then_expect_events(vec![lost()]);
    let after = vec![begun(), authorized(), lost()];
    assert_eq!(status(&after), PaymentStatus::Lost);
    for command in [PaymentCommand::Lose, void(), decline(), begin()] {
        given::<Payment>(after.clone())
            .when(command)
            .then_expect_events(vec![]);
    }
    for command in [authorize(), reopen("pi_1", "pi_2"), PaymentCommand::Capture] {
        given::<Payment>(after.clone())
            .when(command)
            .then_expect_error(PaymentError::Lost);
    }
}

#[test]
fn only_held_money_can_be_lost() {
    given::<Payment>(vec![begun()])
        .when(PaymentCommand::Lose)
        .then_expect_error(PaymentError::NotAuthorized);
    given::<Payment>(vec![begun(), authorized(), captured()])
        .when(PaymentCommand::Lose)
        .then_expect_error(PaymentError::Captured);
    given::<Payment>(vec![begun(), voided()])
        .when(PaymentCommand::Lose)
        .then_expect_events(vec![]);
}

#[test]
fn captured_voided_and_lost_payments_are_final() {
    for (status, is_final) in [
        (PaymentStatus::Pending, false),
        (PaymentStatus::Authorized, false),
        (PaymentStatus::Captured, true),
        (PaymentStatus::Voided, true),
        (PaymentStatus::Lost, true),
    ] {
        assert_eq!(status.is_final(), is_final, "{status:?}");
    }
}
