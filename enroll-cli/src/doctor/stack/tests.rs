//! Stacks as distributions and guides write them, and what must be said of each; then stacks at random, held against
//! the real libpam.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

const OURS: &str = "auth required pam_twinlock.so account_phase\n";
const DEBIAN: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\nauth optional pam_cap.so\n";
const RED_HAT: &str = "auth required pam_env.so\nauth required pam_faildelay.so delay=2000000\n\
                       auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
                       auth [default=1 ignore=ignore success=ok] pam_localuser.so\nauth sufficient pam_unix.so nullok\n\
                       auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
                       auth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n";

/// The findings of a judgement, as words.
fn found(judgement: &Judgement) -> String {
    let words = [
        (judgement.unreachable, "unreachable"),
        (judgement.bypass.is_some(), "bypass"),
        (judgement.way_in.is_some(), "way-in"),
        (judgement.keeps_out_verified, "keeps-out"),
        (judgement.keeps_out_excused, "keeps-out-excused"),
        (judgement.twice, "twice"),
        (judgement.code_alone.is_some(), "code-alone"),
        (judgement.before_factor, "before-factor"),
        (judgement.after_failure, "after-failure"),
    ];
    words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

fn judged(text: &str, phase: Phase) -> Judgement {
    let lookup = |name: &str| {
        let text = match name {
            "service" => text,
            "common-auth" => DEBIAN,
            "system-auth" => RED_HAT,
            "permit" => "auth required pam_permit.so\n",
            "two-lines" => "auth required pam_env.so\nauth sufficient pam_unix.so\n",
            "loop" => "auth include loop\n",
            "other" => "auth required pam_deny.so\naccount required pam_deny.so\n",
            _ => return None,
        };
        Some((format!("/etc/pam.d/{name}"), text.to_owned()))
    };
    judge(&read("service", phase, &lookup), phase)
}

#[test]
fn a_right_auth_stack_has_no_finding() {
    let unix = "auth requisite pam_unix.so\n";
    for stack in [
        format!("@include common-auth\n{OURS}"),
        format!("auth include common-auth\n{OURS}"),
        format!("{DEBIAN}{OURS}"),
        format!("auth sufficient pam_rootok.so\n@include common-auth\n{OURS}"),
        format!("{unix}{OURS}"),
        // Continued, in other letters, with a comment and a path.
        format!("{unix}AUTH Required \\\n /lib/security/pam_twinlock.so account_phase # ours\n"),
        format!("{unix}auth [success=ok new_authtok_reqd=ok ignore=ignore default=bad] pam_twinlock.so\n"),
        format!("{unix}auth requisite pam_twinlock.so\n"),
        format!("auth optional pam_faildelay.so\nauth requisite pam_nologin.so\n{DEBIAN}{OURS}"),
        // RHEL's, as our authselect profile has it.
        format!(
            "{}auth requisite pam_deny.so\nauth required pam_permit.so\n{OURS}",
            RED_HAT
                .replace(
                    "sufficient pam_unix.so",
                    "[success=3 new_authtok_reqd=3 default=ignore] pam_unix.so"
                )
                .replace("sufficient pam_sss.so", "[success=1 new_authtok_reqd=1 default=ignore] pam_sss.so")
                .replace("auth required pam_deny.so\n", "")
        ),
        // Another phase does not count.
        format!("account sufficient pam_permit.so\n-auth optional pam_gone.so\n{DEBIAN}{OURS}"),
    ] {
        assert_eq!(found(&judged(&stack, Phase::Auth)), "", "{stack}");
    }
}

#[test]
fn every_way_around_in_an_auth_stack_is_found() {
    let mut wrong = Vec::new();
    let unix = "auth requisite pam_unix.so\n";
    for (stack, expected) in [
        // Nothing of ours, or never reached.
        (DEBIAN.to_owned(), "unreachable bypass keeps-out keeps-out-excused"),
        (format!("auth requisite pam_deny.so\n{OURS}"), "unreachable keeps-out keeps-out-excused"),
        (
            format!("auth [success=1 default=die] pam_unix.so\n{OURS}auth required pam_permit.so\n"),
            "unreachable bypass keeps-out keeps-out-excused",
        ),
        // A first factor that ends the stack; in a substack it ends that alone.
        (format!("auth sufficient pam_unix.so\n{OURS}"), "bypass keeps-out-excused code-alone after-failure"),
        (format!("auth include system-auth\n{OURS}"), "bypass keeps-out keeps-out-excused after-failure"),
        (format!("auth substack system-auth\n{OURS}"), "after-failure"),
        (format!("{unix}auth sufficient pam_fprintd.so\n{OURS}"), "bypass"),
        (format!("{unix}auth [success=done default=ignore] pam_succeed_if.so user = edi\n{OURS}"), "bypass"),
        // A jump over it.
        (
            format!("{unix}auth [success=1 default=ignore] pam_succeed_if.so user ingroup edi\n{OURS}"),
            "bypass",
        ),
        (
            format!(
                "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n{OURS}\
                  auth required pam_permit.so\n"
            ),
            "unreachable bypass keeps-out keeps-out-excused",
        ),
        // Substacks count as one line for a jump.
        (
            format!("auth [success=1 default=ignore] pam_unix.so\nauth substack two-lines\n{OURS}"),
            "code-alone after-failure",
        ),
        // A refusal inside a substack does not end the stack around it.
        (format!("auth substack common-auth\n{OURS}auth optional pam_group.so\n"), "after-failure"),
        // Other controls: row 28 of the cases.
        (format!("{DEBIAN}auth [success=1 default=ignore] pam_twinlock.so\n"), "way-in keeps-out"),
        (format!("{DEBIAN}auth [success=ok default=ignore] pam_twinlock.so\n"), "way-in"),
        (
            format!(
                "{DEBIAN}auth [success=1 default=ignore] pam_twinlock.so\nauth requisite pam_deny.so\n\
                  auth required pam_permit.so\n"
            ),
            "keeps-out-excused",
        ),
        (format!("{DEBIAN}auth optional pam_twinlock.so\n"), "way-in"),
        (format!("{DEBIAN}auth sufficient pam_twinlock.so\n"), "way-in"),
        (
            format!("{DEBIAN}auth [success=ok ignore=ignore auth_err=bad default=ignore] pam_twinlock.so\n"),
            "way-in",
        ),
        (
            format!(
                "{DEBIAN}{OURS}auth [success=reset default=ignore] pam_env.so\nauth required pam_permit.so\n"
            ),
            "way-in",
        ),
        // Written wrongly, it refuses.
        (format!("{DEBIAN}auth requird pam_twinlock.so\n"), "keeps-out keeps-out-excused"),
        (format!("{DEBIAN}{OURS}auth include gone\n"), "keeps-out keeps-out-excused"),
        (format!("{DEBIAN}{OURS}auth include loop\n"), "keeps-out keeps-out-excused"),
        (format!("{DEBIAN}{OURS}auht required pam_permit.so\n"), "keeps-out keeps-out-excused"),
        (format!("{DEBIAN}{OURS}auth required\n"), "keeps-out keeps-out-excused"),
        (
            format!("{DEBIAN}{OURS}auth [success=1 default=bad] pam_permit.so\n"),
            "keeps-out keeps-out-excused",
        ),
        // Without a first factor, or in the wrong order.
        (OURS.to_owned(), "keeps-out-excused code-alone"),
        (format!("auth include permit\n{OURS}"), "code-alone"),
        (format!("{OURS}{unix}"), "before-factor"),
        (format!("auth required pam_unix.so\n{OURS}"), "after-failure"),
        (format!("{DEBIAN}{OURS}{OURS}"), "twice"),
    ] {
        let found = found(&judged(&stack, Phase::Auth));
        if found != expected {
            wrong.push(format!("{stack}found: {found}\nright: {expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn account_stacks_are_judged_too() {
    let ours = "account required pam_twinlock.so\n";
    let debian = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                  account requisite pam_deny.so\naccount required pam_permit.so\n";
    for (stack, expected) in [
        (format!("{ours}{debian}"), ""),
        (
            format!(
                "account required pam_nologin.so\n{ours}account required pam_unix.so\n\
                  account sufficient pam_localuser.so\naccount required pam_permit.so\n"
            ),
            "",
        ),
        // An expired password is asked for anew, and then the session begins.
        (format!("{debian}{ours}"), "bypass"),
        (format!("account sufficient pam_localuser.so\n{ours}account required pam_unix.so\n"), "bypass"),
        (
            format!(
                "account sufficient pam_succeed_if.so uid = 0 use_uid quiet\n{ours}account required pam_unix.so\n"
            ),
            "",
        ),
        ("account required pam_unix.so\naccount optional pam_twinlock.so\n".to_owned(), "way-in"),
        (ours.to_owned(), "keeps-out-excused"),
        (debian.to_owned(), "unreachable bypass keeps-out keeps-out-excused"),
        // No account line at all: those of `other`.
        (String::new(), "unreachable keeps-out keeps-out-excused"),
    ] {
        let judgement = judged(&stack, Phase::Account);
        // There is no first factor in this phase.
        let judgement =
            Judgement { code_alone: None, before_factor: false, after_failure: false, ..judgement };
        assert_eq!(found(&judgement), expected, "{stack}");
    }
}

#[test]
fn the_way_is_told() {
    let text = format!("auth required pam_env.so\nauth sufficient pam_unix.so\n{OURS}");
    let lookup = |name: &str| (name == "service").then(|| ("/etc/pam.d/service".to_owned(), text.clone()));
    let stack = read("service", Phase::Auth, &lookup);
    let way = judge(&stack, Phase::Auth).bypass.unwrap();
    let lines: Vec<_> = way.iter().map(|step| stack.lines[step.line].shown()).collect();
    assert_eq!(
        lines,
        ["/etc/pam.d/service:1: required pam_env.so", "/etc/pam.d/service:2: sufficient pam_unix.so"]
    );
}

#[test]
fn what_a_file_includes_is_listed() {
    let text =
        "@include common-auth\nauth substack password-auth\n# auth include not\naccount include x # y\n";
    assert_eq!(includes(text), ["common-auth", "password-auth", "x"]);
}

/// Lines of pam_debug.so, whose words say what it answers, in stacks at random: here one end, there one return code.
#[test]
fn the_walk_ends_where_libpam_ends() {
    use twinlock_tests::{Host, PamClient};

    let mut seed = 0x7477_696e_6c6f_636b_u64;
    let mut pick = |from: &[&'static str]| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from[(seed >> 33) as usize % from.len()]
    };
    let controls = [
        "required",
        "requisite",
        "sufficient",
        "optional",
        "[success=1 default=ignore]",
        "[success=2 default=bad]",
        "[success=done default=die]",
        "[success=reset default=ok]",
        "[default=reset success=ok]",
        "[success=ok ignore=1]",
        "[auth_err=ok success=ignore default=2]",
        "wrong",
        "[success=7]",
    ];
    let answers =
        ["success", "success", "auth_err", "ignore", "perm_denied", "new_authtok_reqd", "user_unknown"];
    let host = Host::new();
    host.add_user("maria", "secret");
    for number in 0..400 {
        let mut file = |lines: usize, may_include: bool| {
            let mut text = String::new();
            for _ in 0..lines {
                match pick(if may_include {
                    &["", "", "include inner", "substack inner", "include gone"]
                } else {
                    &[""]
                }) {
                    "include gone" if number % 5 > 0 => {}
                    "" => text += &format!("auth {} pam_debug.so auth={}\n", pick(&controls), pick(&answers)),
                    include => text += &format!("auth {include}\n"),
                }
            }
            text
        };
        let (outer, inner) = (file(5, true) + "auth optional pam_debug.so auth=ignore\n", file(3, false));
        host.pam_service("random", &outer);
        host.pam_service("inner", &inner);
        let lookup = |name: &str| {
            let text = std::fs::read_to_string(format!("/etc/pam.d/{name}")).ok()?;
            Some((name.to_owned(), text))
        };
        let ends = walk::ends(&read("random", Phase::Auth, &lookup), Phase::Auth);
        let [end] = ends.as_slice() else { panic!("{} ends\n{outer}---\n{inner}", ends.len()) };
        let outcome = PamClient::new(&host, "random").user("maria").chain("authenticate").start().finish();
        let code = usize::try_from(outcome.code("authenticate")).unwrap();
        assert_eq!(end.code, code, "stack {number}\n{outer}--- inner\n{inner}");
    }
}
