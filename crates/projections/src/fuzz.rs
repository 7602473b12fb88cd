//! For fuzz targets, and the tests that replay their corpora.

use uuid::Uuid;

use crate::{
    cursor,
    engine::{announce::Announcement, version_message::VersionMessage},
};

/// Reads a cursor from a client, for every list. Returns whether it was valid for one.
pub fn cursor(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let of_one = ["newest", "seller", "buyer"].map(|list| is_cursor::<1>(list, text));
    let of_two = ["price", "-price"].map(|list| is_cursor::<2>(list, text));
    let lists = of_one.into_iter().chain(of_two).filter(|is_one| *is_one);
    let lists = lists.count();
    assert!(lists <= 1, "{text} is a cursor of {lists} lists");
    lists == 1
}

fn is_cursor<const N: usize>(list: &str, text: &str) -> bool {
    let Ok(numbers) = cursor::decode::<N>(list, text) else {
        return false;
    };
    let written = cursor::encode(list, &numbers);
    let again = cursor::decode::<N>(list, &written);
    assert_eq!(again.ok(), Some(numbers), "{written}");
    true
}

/// Decodes a message from another process, in both formats. Returns whether it was valid in one.
pub fn announcement(bytes: &[u8]) -> bool {
    let _ = Announcement::is_of(bytes, Uuid::nil());
    let announcement = Announcement::decode(bytes);
    if let Some(announcement) = &announcement {
        let sent = announcement.encode().expect("what was read can be written");
        assert_eq!(Announcement::decode(&sent).as_ref(), Some(announcement));
        assert!(Announcement::is_of(&sent, announcement.holder()));
    }
    let across = VersionMessage::decode(bytes);
    if let Some(across) = &across {
        let sent = serde_json::to_vec(across).expect("what was read can be written");
        let again = VersionMessage::decode(&sent).map(|again| serde_json::to_vec(&again));
        assert_eq!(again.and_then(Result::ok), Some(sent));
    }
    announcement.is_some() || across.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cursor_is_read_or_refused() {
        testkit::replay("cursor", cursor);
    }

    #[test]
    fn any_announcement_is_read_or_ignored() {
        testkit::replay("announcement", announcement);
    }
}
