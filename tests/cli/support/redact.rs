//! Text that is the same on every run: ports, folders and times become placeholders.

use std::time::{SystemTime, UNIX_EPOCH};

/// The hosts after which digits are a port.
const HOSTS: [&str; 3] = ["127.0.0.1:", "localhost:", "[::1]:"];

/// Units of a measured time, a longer one before its own ending.
const UNITS: [&str; 6] = ["ms", "µs", "μs", "us", "ns", "s"];

/// Puts `[PORT]` after a loopback host.
pub(super) fn ports(text: &str) -> String {
    let mut text = text.to_owned();
    for host in HOSTS {
        let mut parts = text.split(host);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            out.push_str(host);
            out.push_str(if rest.len() < part.len() {
                "[PORT]"
            } else {
                ""
            });
            out.push_str(rest);
        }
        text = out;
    }
    text
}

/// Puts `[TIME]` for what a clock measured: milliseconds and finer, and seconds with a fraction.
/// Whole seconds stay, since those are what a file or an option says (`timed out after 30s`).
pub(super) fn durations(text: &str) -> String {
    replace_at_words(text, |rest| {
        let whole = digits(rest);
        let mut number = whole;
        if rest[whole..].starts_with('.') {
            let fraction = digits(&rest[whole + 1..]);
            number += if fraction > 0 { 1 + fraction } else { 0 };
        }
        let after = &rest[number..];
        let unit_at = after.strip_prefix(' ').unwrap_or(after);
        let unit = UNITS.iter().find(|unit| {
            unit_at
                .strip_prefix(**unit)
                .is_some_and(|end| !end.starts_with(is_word))
        })?;
        let measured = *unit != "s" || number > whole;
        measured.then(|| rest.len() - unit_at.len() + unit.len())
    })
}

/// Puts `[TIME]` for a time of one of these days (`2026-01-31`), with what follows of it.
pub(super) fn times_of(days: &[String], text: &str) -> String {
    replace_at_words(text, |rest| {
        let day = days.iter().find(|day| rest.starts_with(day.as_str()))?;
        let time = rest[day.len()..].strip_prefix(['T', ' '])?;
        let clock = time
            .find(|c: char| !c.is_ascii_digit() && !":.Z+".contains(c))
            .unwrap_or(time.len());
        (clock >= 5).then(|| day.len() + 1 + time[..clock].trim_end_matches('.').len())
    })
}

/// Shows control characters, line feeds and tabs aside.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            '\u{1b}' => out.push('␛'),
            other if other.is_control() => out.extend(other.escape_default()),
            other => out.push(other),
        }
    }
    out
}

/// The day in UTC, such as `2026-01-31`.
pub(super) fn day_of(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs());
    let days = i64::try_from(seconds / 86_400).unwrap_or_default();
    // Civil from days, after Howard Hinnant: years that begin in March end with the leap day.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Replaces what `length` finds at each number that begins a word.
fn replace_at_words(text: &str, length: impl Fn(&str) -> Option<usize>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(character) = rest.chars().next() {
        let begins = character.is_ascii_digit() && !is_word(before) && !".-:".contains(before);
        if let Some(taken) = begins.then(|| length(rest)).flatten() {
            out.push_str("[TIME]");
            rest = &rest[taken..];
            before = ']';
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
            before = character;
        }
    }
    out
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
