"""The two checks of whether a description is right, less what no description can say."""

import schemathesis
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

# How an answer begins to a request that is well formed, and why the schema can't say it.
REFUSALS = {
    "The cursor is not one of this list": "a cursor is what a page before gave",
    "This Idempotency-Key was used with another request": "what a key came with is known later",
    "The Idempotency-Key was used with another password": "what a key came with is known later",
    "Invalid credentials": "which account has which password",
    "Email in use": "which addresses have an account",
    "Email must be valid": "which forms an address can have",
    "Title is required": "what of a text shows",
    "Price must have at most two decimals": "how a double is written down",
    "ExpectedVersion must be a version, such as 0": "that a whole number has no point",
    "You cannot order your own ticket": "whose it is",
    "Ticket is already reserved": "who was first",
    "You already hold this ticket": "who was first",
    "Cannot edit a reserved ticket": "who was first",
    "Cannot withdraw a reserved ticket": "who was first",
    "Cannot pay for a cancelled order": "what became of it",
    "No such token:": "which cards there are",
    "No such PaymentMethod:": "which cards there are",
    "Ticket was withdrawn": "whether it is still for sale",
    "The ticket has changed": "what it was when it was shown",
    "The price has changed to": "what it was when it was shown",
    # It says it in its pattern; the fuzzer puts no quotes into a header and sends an empty one.
    "If-Match must be an ETag, a version in quotes, or *": "(nothing)",
}


@schemathesis.check
def what_is_valid_is_taken(ctx, response, case):
    if any(message.startswith(tuple(REFUSALS)) for message in messages(response)):
        return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.check
def what_is_invalid_is_refused(ctx, response, case):
    # A parameter that is empty counts as absent: forms send all of theirs.
    if "" in (case.query or {}).values():
        return None
    return negative_data_rejection(ctx, response, case)


def messages(response):
    try:
        return {error["message"] for error in response.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return set()
