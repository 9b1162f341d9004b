//! Recordings survive being written and read.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::core::json;
use crate::core::source::SourceFile;
use crate::recording::read::read;
use crate::recording::write::text;
use crate::recording::{Answer, Ask, Broken, Content, Origin, Recorded, Recording};

pub fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("usual.answers.yaml", "usual.answers.yaml", text)
}

/// Reads a file without faults.
pub fn reading(text: &str) -> Recording {
    read(&file(text)).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

/// A source of random recordings.
struct Chance(fastrand::Rng);

impl Chance {
    fn text(&mut self) -> String {
        const PIECES: [&str; 34] = [
            "a",
            "B",
            "7",
            " ",
            "  ",
            "\n",
            "\n\n",
            "\t",
            "\r",
            "\r\n",
            "\"",
            "\\",
            "'",
            "#",
            " #",
            ": ",
            "- ",
            "---",
            "---\n",
            "|",
            "é",
            "😀",
            "\u{1b}[31m",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{0}",
            "\u{7f}",
            "null",
            "{",
            "]",
            "word",
            "\\u0041",
            "...",
        ];
        let count = self.0.usize(..12);
        (0..count).map(|_| self.choice(&PIECES)).collect()
    }

    fn choice<'c>(&mut self, of: &[&'c str]) -> &'c str {
        of[self.0.usize(..of.len())]
    }

    fn value(&mut self, depth: usize) -> Value {
        let kinds = if depth > 4 { 6 } else { 9 };
        match self.0.usize(..kinds) {
            0 => Value::Null,
            1 => Value::Bool(self.0.bool()),
            2 | 3 => {
                let number = self.choice(&[
                    "0",
                    "-0",
                    "1.10",
                    "1e400",
                    "1E5",
                    "-12.5e-7",
                    "123456789012345678901234567890",
                ]);
                Value::Number(json::number::from_text(number).expect("a number"))
            }
            4 | 5 => Value::from(self.text()),
            6 | 7 => {
                let count = self.0.usize(..5);
                (0..count)
                    .map(|_| (self.text(), self.value(depth + 1)))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
            _ => {
                let count = self.0.usize(..5);
                (0..count).map(|_| self.value(depth + 1)).collect()
            }
        }
    }

    fn content(&mut self) -> Content {
        match self.0.usize(..5) {
            0 => Content::Empty,
            1 | 2 => Content::Json(self.value(0)),
            3 => Content::Text(self.text()),
            _ => {
                let count = self.0.usize(..200);
                Content::Bytes((0..count).map(|_| self.0.u8(..)).collect())
            }
        }
    }

    fn recorded(&mut self) -> Recorded {
        let target = match self.0.usize(..4) {
            0 => format!("https://example.com/{}", self.text()),
            _ => format!("/{}", self.text()),
        };
        let names = ["link", "content-type", "x-total", "no", "1"];
        let headers = names
            .iter()
            .flat_map(|name| {
                let count = self.0.usize(..3);
                (0..count)
                    .map(|_| ((*name).to_owned(), self.text()))
                    .collect::<Vec<_>>()
            })
            .collect();
        Recorded {
            ask: Ask {
                method: self.choice(&["GET", "POST"]).to_owned(),
                target,
                sent: self.content(),
            },
            of: Origin {
                query: self.text(),
                item: self.0.bool().then(|| self.text()),
            },
            answer: Answer {
                status: self.0.u16(100..600),
                headers,
                body: self.content(),
                delay: Duration::from_millis([0, 1, 2000, 123_456][self.0.usize(..4)]),
                broken: [None, Some(Broken::Connection), Some(Broken::Half)][self.0.usize(..3)],
            },
            place: None,
        }
    }
}

#[test]
fn a_recording_is_read_as_it_was_written() {
    for seed in 0..2000 {
        let mut chance = Chance(fastrand::Rng::with_seed(seed));
        let count = chance.0.usize(..4);
        let recording = Recording {
            recorded: chance
                .0
                .bool()
                .then(|| "2026-11-25T09:00:00Z".parse().expect("a time")),
            resources: ["circleci", "git-hub"][..chance.0.usize(..3)]
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            exchanges: (0..count).map(|_| chance.recorded()).collect(),
        };
        let written = text(&recording);
        for written in [written.clone(), written.replace('\n', "\r\n")] {
            let read = reading(&written);
            assert_eq!(read.recorded, recording.recorded);
            assert_eq!(read.resources, recording.resources);
            assert_eq!(read.exchanges.len(), recording.exchanges.len());
            for (read, exchange) in read.exchanges.iter().zip(&recording.exchanges) {
                assert_eq!(read.ask, exchange.ask, "seed {seed}\n{written}");
                assert_eq!(read.of, exchange.of, "seed {seed}\n{written}");
                assert_eq!(read.answer, exchange.answer, "seed {seed}\n{written}");
            }
        }
        assert_eq!(text(&reading(&written)), written, "seed {seed}");
        let is_yaml_text = |c: char| c == '\n' || !crate::recording::layout::is_hidden(c);
        let bad = written.chars().find(|c| !is_yaml_text(*c) && *c != '\t');
        assert_eq!(bad, None, "seed {seed}");
    }
}

#[test]
fn truncated_and_changed_files_do_not_panic() {
    let whole = "--- # runner answers 1 · recorded 2026-11-25T09:00:00Z · a, b\nask: \"GET /é\"\n\
         of: { query: 'é', item: [\"é\"] }\nheaders: {é: é}\ndelay: 1s\nbroken: half\n\
         sent_text: |2-\n  é\n  é\nbody:\n  { \"é\": [1, \"\\u00e9\\\n\"] }\n---\nask: GET /\nbase64: AA\n";
    let mut chance = fastrand::Rng::with_seed(7);
    for end in 0..whole.len() {
        if whole.is_char_boundary(end) {
            let _ = read(&file(&whole[..end]));
        }
    }
    for _ in 0..3000 {
        let mut characters: Vec<char> = whole.chars().collect();
        for _ in 0..3 {
            let at = chance.usize(..characters.len());
            characters[at] =
                ['\n', '"', '\\', ' ', '{', ']', ':', '#', '-', '|', 'é'][chance.usize(..11)];
        }
        let changed: String = characters.into_iter().collect();
        if let Ok(recording) = read(&file(&changed)) {
            let written = text(&recording);
            assert_eq!(text(&reading(&written)), written, "{changed}");
        }
    }
}

#[test]
fn texts_are_written_for_review() {
    let exchange = |body: Content| Recorded {
        ask: Ask {
            method: "GET".to_owned(),
            target: "/log".to_owned(),
            sent: Content::Empty,
        },
        of: Origin::default(),
        answer: Answer {
            status: 200,
            headers: Vec::new(),
            body,
            delay: Duration::ZERO,
            broken: None,
        },
        place: None,
    };
    let texts = [
        "one\ntwo\n",
        " one\n\ntwo",
        "one\ntwo\n\n",
        "a\t1\r\n  \u{1b}[31mred \n",
        "",
    ];
    let mut exchanges: Vec<Recorded> = texts
        .iter()
        .map(|text| exchange(Content::Text((*text).to_owned())))
        .collect();
    exchanges.push(exchange(Content::Bytes(vec![255; 100])));
    let recording = Recording {
        exchanges,
        ..Recording::default()
    };
    insta::assert_snapshot!(text(&recording), @r#"
    --- # runner answers 1
    ask: GET /log
    status: 200
    text: |
      one
      two
    ---
    ask: GET /log
    status: 200
    text: |2-
       one

      two
    ---
    ask: GET /log
    status: 200
    text: |+
      one
      two

    ---
    ask: GET /log
    status: 200
    text: "a\t1\r\n\
      \u0020 \u001b[31mred \n"
    ---
    ask: GET /log
    status: 200
    text: ""
    ---
    ask: GET /log
    status: 200
    base64: "////////////////////////////////////////////////////////////////////////////////////////////\
      /////////////////////////////////////////w=="
    "#);
}
