//! `turnstile dead-letters`.

use eventstore::DeadLetter;
use host::Host;

use super::{CommandError, Outcome};
use crate::cli::{DeadLetters, Which};

pub(super) async fn run(command: DeadLetters, host: &Host) -> Result<Outcome, CommandError> {
    let letters = host.log.dead_letters().await?;
    match command {
        DeadLetters::Ls => {
            for letter in &letters {
                println!("{}", serde_json::to_string(letter).unwrap_or_default());
            }
            eprintln!("{} dead letters", letters.len());
        }
        DeadLetters::Retry(which) => {
            for letter in chosen(&letters, &which)? {
                host.log.retry_dead_letter(letter).await?;
                println!(
                    "{}: {} tries {}#{} again",
                    letter.id, letter.subscription, letter.stream, letter.sequence
                );
            }
        }
        DeadLetters::Drop(which) => {
            for letter in chosen(&letters, &which)? {
                host.log.drop_dead_letter(letter).await?;
                println!("{}: given up", letter.id);
            }
        }
    }
    Ok(Outcome::Well)
}

fn chosen<'a>(
    letters: &'a [DeadLetter],
    which: &Which,
) -> Result<Vec<&'a DeadLetter>, CommandError> {
    let Some(id) = which.id else {
        return Ok(letters.iter().collect());
    };
    let letter = letters.iter().find(|letter| letter.id == id);
    let letter = letter.ok_or_else(|| {
        CommandError::Failed(format!(
            "there is no dead letter {id}; `turnstile dead-letters ls` lists them"
        ))
    })?;
    Ok(vec![letter])
}
