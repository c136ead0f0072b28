//! The quick reader and the TOML parser, side by side.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use proptest::sample::select;

use self::damage::{damage, damaged};
use super::*;

#[path = "../../../tests/shared/damage.rs"]
mod damage;

/// The policies that logins are measured with.
#[path = "../../../tests/src/bin/bench/policies.rs"]
mod policies;

/// Whether the quick reader reads a text. If so, the TOML parser must read the same tree.
fn is_plain(text: &str) -> bool {
    let Some(quick) = read(text) else { return false };
    let (slow, errors) = DeTable::parse_recoverable(text);
    assert!(errors.is_empty(), "{text:?}: {errors:?}");
    // `==` would not look at the offsets, which this shows.
    assert_eq!(format!("{quick:?}"), format!("{slow:?}"), "{text:?}");
    true
}

#[test]
fn usual_policies_need_no_toml_parser() {
    assert!(is_plain(include_str!("../../../packaging/policy.toml")));
    assert!(is_plain(include_str!("../../tests/texts/design.toml")));
    for text in [policies::PLAIN, policies::USER_DRIVEN] {
        assert!(is_plain(text), "{text}");
    }
    let measured = [
        policies::three_rules(),
        policies::thirty_rules(),
        policies::ten_thousand_users(),
        policies::exempting("maria"),
        policies::one_attempt(),
    ];
    for text in measured {
        assert!(is_plain(&text), "{text}");
        assert!(is_plain(&text.replace('\n', "\r\n")), "with line ends as on Windows: {text}");
    }
}

#[test]
fn policies_that_the_documents_show_need_no_toml_parser() {
    for (document, examples) in
        [(include_str!("../../../docs/admin-guide.md"), 1), (include_str!("../../../docs/roll-out.md"), 5)]
    {
        let shown: Vec<_> = document.split("```toml").skip(1).collect();
        assert!(shown.len() >= examples);
        for example in shown {
            let (_, text) = example.split_once('\n').unwrap();
            let (text, _) = text.split_once("```").unwrap();
            assert!(is_plain(text), "{text}");
        }
    }
}

#[test]
fn plain_texts_are_read_as_toml_reads_them() {
    for text in [
        "",
        "\n",
        "\r\n\n",
        " \t",
        "#",
        "# \t\u{e9}\u{1f511}",
        "a = \"b\"",
        "a=\"b\"#c",
        "\ta\t=\t\"b\"\t# c\r\n",
        "A-z_09 = true\n0 = false\n- = \"\"\n_ = \"\"",
        "a = \"\u{e9} \t'[]#=,~\"",
        "a = 0\nb = 7\nc = 4711\nd = 99999999999999999999999",
        "a = 2027-01-31\nb = 2024-02-29 # c\nc = 0000-01-01",
        "a = []\nb = [ ]\nc = [\"a\"]\nd = [\"a\",\"b\"]\ne = [ \"a\" , \"b\" , ]",
        "a = [ # one\n\n\t\"b\", # two\r\n\"c\" # three\n, \"d\"\n,\n] # four",
        "[a]",
        "[a]\n[b]\nc = true\n[d]#e\n",
        "a = 1\n [b] \na = 2\n\t[[c]]\t# d\na = 3\n[[c]]\na = 4\n[e]\na = 5\n[[c]]",
        "[[a]]\n[[b]]\n[[a]]\na = []\n[[b]]",
    ] {
        assert!(is_plain(text), "{text:?}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_toml_parser() {
    let sound = [
        "\u{feff}a = 1",
        "a = 'b'",
        "a = \"\\u00e9\"",
        "a = \"b\\\"c\"",
        "a = \"\"\"b\"\"\"",
        "a = \"\"\"\"\"\"",
        "a = '''b'''",
        "a = +7",
        "a = -7",
        "a = 1_000",
        "a = 0x10",
        "a = 1.5",
        "a = 1e5",
        "a = inf",
        "a = 10:00:00",
        "a = 2027-01-31T08:00:00Z",
        "a = 2027-01-31 08:00:00",
        "a = [1]",
        "a = [true]",
        "a = [[\"b\"]]",
        "a = ['b']",
        "a = {}",
        "a = { b = true }",
        "a.b = true",
        "a . b = true",
        "\"a\" = true",
        "'a' = true",
        "[a.b]",
        "[ a ]",
        "[[ a ]]",
        "[[a.b]]",
        "[\"a\"]",
        "trial = { start = 2027-01-31T08:00:00Z }\nrequire_mfa = true\n",
    ];
    let wrong = [
        "a",
        "a =",
        "a = ",
        "= true",
        "a true",
        "a = b",
        "a = True",
        "a = truefalse",
        "a = true false",
        "a = true b = true",
        "a = \"b",
        "a = \"b\nc\"",
        "a = \"b\" \"c\"",
        "a = \"\"\"",
        "a = \"\"\"\"",
        "a = 01",
        "a = 00",
        "a = 1-",
        "a = 1-2",
        "a = 2027-1-31",
        "a = 2027-02-29",
        "a = 2027-13-01",
        "a = 2027-01-00",
        "a = 2027-01-311",
        "a = 2027-01-31-",
        "a = 2027-01-31 0",
        "a = [",
        "a = [\"b\"",
        "a = [\"b\",",
        "a = [\"b\" \"c\"]",
        "a = [,]",
        "a = [\"b\",,]",
        "a = [\"b\"]]",
        "a = [\"\"\"]",
        "a = [\"b\"] true",
        "a = [b]",
        "\u{e9} = true",
        "a = true\na = true",
        "[a]\nb = true\nb = false",
        "[a]\n[a]",
        "[a]\n[[a]]",
        "[[a]]\n[a]",
        "a = true\n[a]",
        "a = true\n[[a]]",
        "a = []\n[[a]]",
        "a = [\"b\"]\n[[a]]",
        "[]",
        "[[]]",
        "[a",
        "[a]]",
        "[[a]",
        "[[a",
        "[[a] ]",
        "[ [a]]",
        "[a] b = true",
        "[[a]] b = true",
        "[a][b]",
        "]",
        "a = true\r",
        "a = true\rb = true",
        "# a\rb",
        "\r",
        "\u{b}",
    ];
    for text in sound {
        assert!(read(text).is_none(), "{text:?}");
        let (_, errors) = DeTable::parse_recoverable(text);
        assert!(errors.is_empty(), "{text:?} is no TOML: {errors:?}");
    }
    for text in wrong {
        assert!(read(text).is_none(), "{text:?}");
        let (_, errors) = DeTable::parse_recoverable(text);
        assert!(!errors.is_empty(), "{text:?} is TOML");
    }
}

#[test]
fn of_all_ascii_letters_each_is_read_where_toml_takes_it_and_nowhere_else() {
    for letter in (0..0x80).map(char::from) {
        let in_text = format!("a = \"{letter}\"");
        let in_list = format!("a = [\"{letter}\"]");
        let in_comment = format!("a = true # {letter}");
        for text in [&in_text, &in_list] {
            let plain = letter == '\t' || ((' '..='~').contains(&letter) && !matches!(letter, '"' | '\\'));
            assert_eq!(is_plain(text), plain, "{text:?}");
        }
        let plain = matches!(letter, '\t' | '\n') || (' '..='~').contains(&letter);
        assert_eq!(is_plain(&in_comment), plain, "{in_comment:?}");
        let bare = letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let blank = matches!(letter, ' ' | '\t');
        assert_eq!(is_plain(&format!("[{letter}]")), bare, "{letter:?}");
        assert_eq!(is_plain(&format!("a{letter}= true")), bare || blank, "{letter:?}");
        assert_eq!(
            is_plain(&format!("a = true{letter}")),
            blank || matches!(letter, '\n' | '#'),
            "{letter:?}"
        );
    }
}

/// Values, most of them plain.
fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof!["\"[a-z0-9./:-]{0,8}\"", "\"[ !#-\\[\\]-~\u{e9}\t]{0,8}\"", "\"\\PC{0,4}\""];
    let list =
        (prop::collection::vec(text.clone(), 0..4), gap(), any::<bool>()).prop_map(|(items, gap, comma)| {
            let comma = if comma && !items.is_empty() { "," } else { "" };
            format!("[{gap}{}{gap}{comma}{gap}]", items.join(&format!("{gap},{gap}")))
        });
    prop_oneof![
        4 => text,
        4 => list,
        2 => select(vec!["true", "false", "0", "7", "100"]).prop_map(str::to_owned),
        2 => "[0-9]{1,4}",
        2 => "20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        1 => select(vec!["'x'", "{}", "1.5", "2027-01-31T08:00:00Z", "\"\\n\"", "\"\"\"x\"\"\"", "[1]"])
            .prop_map(str::to_owned),
    ]
}

/// What may stand between the parts of a list.
fn gap() -> impl Strategy<Value = String> {
    select(vec!["", " ", "\n  ", "\t# why\n", "\r\n"]).prop_map(str::to_owned)
}

/// A policy, with keys of the language and others.
fn policy() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => select(vec!["require_mfa", "issuer", "name", "users", "groups", "exempt", "expires", "remember"])
            .prop_map(str::to_owned),
        1 => "[a-zA-Z0-9_-]{1,3}",
    ];
    let header = prop_oneof![
        6 => Just("[[rule]]".to_owned()),
        1 => Just("[throttle]".to_owned()),
        1 => "\\[[a-c]\\]",
        1 => "\\[\\[[a-c]\\]\\]",
    ];
    let end = select(vec!["\n", "\n", "\n\n", " # why\n", "\r\n"]);
    let line = prop_oneof![
        6 => (key, select(vec![" = ", "=", "\t=  "]), value()).prop_map(|(key, is, value)| key + is + &value),
        2 => header,
    ];
    prop::collection::vec((line, end), 0..16)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

/// Letters that mean something to TOML, or that it forbids.
fn letter() -> impl Strategy<Value = char> {
    let nasty = "\"\"\"''[[]]{}#==,..-_+ \t\n\n\r\0\x1b\x7f\\0179tfxTZ:\u{feff}\u{e9}\u{85}\u{2028}";
    prop_oneof![8 => select(nasty.chars().collect::<Vec<_>>()), 1 => any::<char>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_is_read_as_toml_reads_it(text in policy()) {
        is_plain(&text);
    }

    #[test]
    fn a_damaged_policy_is_read_as_toml_reads_it_or_not_at_all(
        large in any::<bool>(),
        text in policy(),
        changes in prop::collection::vec(damage(letter()), 1..3),
    ) {
        let text = if large { policies::three_rules() } else { text };
        is_plain(&changes.into_iter().fold(text, |text, change| damaged(&text, change)));
    }

    #[test]
    fn any_text_is_read_as_toml_reads_it_or_not_at_all(
        letters in prop::collection::vec(letter(), 0..24),
        before in select(vec!["", "a", "a=", "a=[", "a=[\"", "a=\"", "a=2", "[[a]]\n[", "#"]),
    ) {
        let letters: String = letters.into_iter().collect();
        is_plain(&format!("{before}{letters}"));
    }
}
