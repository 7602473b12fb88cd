//! Concurrent payment, cancellation and expiry, in all pairs: one wins, and money is kept exactly
//! for complete orders.

use chrono::{DateTime, Utc};
use std::{collections::BTreeMap, time::Duration};
use testkit::{LONG, Response, eventually};
use tokio::time::{Instant, sleep_until};

use crate::support::{Deployment, Person, Site};

const ROUNDS: usize = 24;

/// An order, and until when it may be paid by the clock of this process.
struct Held {
    order: String,
    until: Instant,
}

async fn site(deployment: Deployment, hold: u32) -> Site {
    let site = Site::builder().env("ORDER_HOLD_SECONDS", &hold.to_string());
    match deployment {
        Deployment::AllInOne => site.start().await,
        Deployment::Separate => site.separate().start().await,
    }
}

/// Orders that were all placed just now.
async fn hold(seller: &Person, buyer: &Person, count: usize) -> Vec<Held> {
    let mut tickets = Vec::new();
    for n in 0..count {
        tickets.push(seller.sell(&format!("Seat {n}"), 20).await);
    }
    let tasks: Vec<_> = tickets
        .into_iter()
        .map(|ticket| {
            let buyer = buyer.clone();
            tokio::spawn(async move { buyer.try_order(&ticket).await.expect_status(201) })
        })
        .collect();
    let mut held = Vec::new();
    for task in tasks {
        let order = task.await.unwrap();
        let until: DateTime<Utc> = order.json["expiresAt"].as_str().unwrap().parse().unwrap();
        let left = (until - Utc::now()).to_std().unwrap_or_default();
        held.push(Held {
            order: order.id(),
            until: Instant::now() + left,
        });
    }
    held
}

/// A moment from shortly before another one to a second after it: an order expires at its time or a
/// little later, and the rounds must cover that.
fn around(moment: Instant, round: usize) -> Instant {
    let after = Duration::from_millis(50) * u32::try_from(round).unwrap();
    moment - Duration::from_millis(100) + after
}

/// Checks that a payment was either made or refused because the order is gone.
#[track_caller]
fn was_paid(answer: &Response) -> bool {
    if answer.status != 201 {
        answer.assert_error(400, "Cannot pay for a cancelled order");
    }
    answer.status == 201
}

#[track_caller]
fn was_cancelled(answer: &Response) -> bool {
    if answer.status != 204 {
        answer.assert_error(400, "Cannot cancel a paid order");
    }
    answer.status == 204
}

/// Waits until every order and its money are final; returns the numbers of outcomes.
async fn settled(site: &Site, buyer: &Person) -> BTreeMap<String, usize> {
    let endings = eventually("every order and its money are settled", LONG, || async {
        let charges = site.charges();
        let orders = buyer.get("/api/orders").await.json;
        let mut endings = BTreeMap::<String, usize>::new();
        for order in orders.as_array().unwrap() {
            let charge = charges
                .get(order["id"].as_str().unwrap())
                .cloned()
                .unwrap_or_default();
            let status = order["status"].as_str().unwrap();
            let in_order = match status {
                "complete" => charge.captured == 1 && charge.voided == 0 && charge.cents == 2_000,
                "cancelled" => {
                    // This must not happen even for a moment.
                    assert!(!charge.is_kept(), "money is kept for {order}: {charge:?}");
                    !charge.is_in_between()
                }
                _ => false,
            };
            if !in_order {
                return Err(format!("{order} with {charge:?}"));
            }
            *endings.entry(status.to_owned()).or_default() += 1;
        }
        Ok(endings)
    })
    .await;
    // Shows how close the race was.
    eprintln!("{endings:?}");
    site.assert_money_agrees().await;
    site.assert_read_models_agree().await;
    endings
}

async fn paying_and_cancelling(deployment: Deployment) {
    let site = site(deployment, 900).await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let mut won = (0, 0);
    for _ in 0..4 {
        let tasks: Vec<_> = hold(&seller, &buyer, ROUNDS)
            .await
            .into_iter()
            .enumerate()
            .map(|(round, held)| {
                let (payer, canceler) = (buyer.clone(), buyer.clone());
                let order = held.order.clone();
                // A payment takes longer, so a cancellation that starts with it would always win.
                let start =
                    Instant::now() + Duration::from_millis(3) * u32::try_from(round).unwrap();
                let pay = tokio::spawn(async move { payer.try_pay(&order).await });
                let cancel = tokio::spawn(async move {
                    sleep_until(start).await;
                    canceler.try_cancel(&held.order).await
                });
                (pay, cancel)
            })
            .collect();
        for (pay, cancel) in tasks {
            let (pay, cancel) = (pay.await.unwrap(), cancel.await.unwrap());
            let (paid, cancelled) = (was_paid(&pay), was_cancelled(&cancel));
            assert!(
                paid != cancelled,
                "{}\n{}",
                pay.describe(),
                cancel.describe()
            );
            won.0 += usize::from(paid);
            won.1 += usize::from(cancelled);
        }
    }
    let endings = settled(&site, &buyer).await;
    assert_eq!(endings.get("complete").copied().unwrap_or_default(), won.0);
    assert_eq!(endings.get("cancelled").copied().unwrap_or_default(), won.1);
}

#[tokio::test]
async fn concurrent_payment_and_cancellation_have_one_winner() {
    paying_and_cancelling(Deployment::AllInOne).await;
}

#[tokio::test]
async fn concurrent_payment_and_cancellation_have_one_winner_across_services() {
    paying_and_cancelling(Deployment::Separate).await;
}

async fn paying_and_expiring(deployment: Deployment) {
    let site = site(deployment, 3).await;
    let (seller, buyer) = (site.person().await, site.person().await);
    for _ in 0..2 {
        let tasks: Vec<_> = hold(&seller, &buyer, ROUNDS)
            .await
            .into_iter()
            .enumerate()
            .map(|(round, held)| {
                let buyer = buyer.clone();
                tokio::spawn(async move {
                    sleep_until(around(held.until, round)).await;
                    let answer = buyer.try_pay(&held.order).await;
                    (was_paid(&answer), buyer, held.order)
                })
            })
            .collect();
        for task in tasks {
            let (paid, buyer, order) = task.await.unwrap();
            if paid {
                assert_eq!(buyer.order_of(&order).await["status"], "complete");
            } else {
                buyer.wait_for_order(&order, "cancelled", LONG).await;
            }
        }
    }
    settled(&site, &buyer).await;
}

#[tokio::test]
async fn concurrent_payment_and_expiry_have_one_winner() {
    paying_and_expiring(Deployment::AllInOne).await;
}

#[tokio::test]
async fn concurrent_payment_and_expiry_have_one_winner_across_services() {
    paying_and_expiring(Deployment::Separate).await;
}

async fn cancelling_paying_and_expiring(deployment: Deployment) {
    let site = site(deployment, 3).await;
    let (seller, buyer) = (site.person().await, site.person().await);
    for with_payment in [false, true] {
        let tasks: Vec<_> = hold(&seller, &buyer, ROUNDS)
            .await
            .into_iter()
            .enumerate()
            .map(|(round, held)| {
                let (payer, canceler) = (buyer.clone(), buyer.clone());
                let order = held.order.clone();
                let pay = tokio::spawn(async move {
                    sleep_until(around(held.until, round)).await;
                    if with_payment {
                        Some(payer.try_pay(&order).await)
                    } else {
                        None
                    }
                });
                let cancel = tokio::spawn(async move {
                    let later = Duration::from_millis([0, 5, 15, 30][round % 4]);
                    sleep_until(around(held.until, round) + later).await;
                    canceler.try_cancel(&held.order).await
                });
                (pay, cancel)
            })
            .collect();
        for (pay, cancel) in tasks {
            let (pay, cancel) = (pay.await.unwrap(), cancel.await.unwrap());
            // A cancelled order can be cancelled again, so an expiry before it is no refusal.
            let cancelled = was_cancelled(&cancel);
            let paid = pay.as_ref().is_some_and(was_paid);
            assert!(paid != cancelled, "{pay:?}\n{}", cancel.describe());
        }
    }
    settled(&site, &buyer).await;
}

#[tokio::test]
async fn concurrent_cancellation_payment_and_expiry_have_one_winner() {
    cancelling_paying_and_expiring(Deployment::AllInOne).await;
}

#[tokio::test]
async fn concurrent_endings_have_one_winner_across_services() {
    cancelling_paying_and_expiring(Deployment::Separate).await;
}
