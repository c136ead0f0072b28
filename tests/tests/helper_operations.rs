//! The check helper's operations: what works, what is refused, and what is never said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::type_complexity)]

mod helper_stage;

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use helper_stage::*;
use twinlock_tests::{Account, Host, PamClient, Phone, oathtool, pam, process};
use twinlock_verifier::Credential;

/// Enough of a step left for what comes.
fn steady() {
    oathtool::with_time_left(8);
}

#[test]
fn a_right_code_is_accepted_once_and_named_in_the_log() {
    let host = host(REQUIRED);
    let (maria, phone) = enrolled(&host, "maria");
    let code = phone.code();
    let said = verify(&maria, &code);
    assert_eq!((said.code, said.stdout.as_str()), (0, "accepted\nauthenticator=phone\n"));
    let line = host.journal().wait_for(|line| line.message.contains("event=code_accepted")).message;
    let uid = format!("uid={}", maria.uid);
    for part in [
        "user=\"maria\"",
        "service=swaylock",
        "via=helper",
        &uid,
        "authenticator=\"phone\"",
        "decision=required",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let said = verify(&maria, &code);
    assert_eq!((said.code, said.stdout.as_str()), (1, "rejected\nreason=replayed\n"));
    let line = host.journal().wait_for(|line| line.message.contains("reason=replayed"));
    assert_eq!((line.facility, line.severity, line.tag.as_str()), (10, 5, "twinlock"));
}

#[test]
fn a_wrong_code_is_counted_and_a_later_success_tells_of_it() {
    let host = host(REQUIRED);
    let (maria, phone) = enrolled(&host, "maria");
    let wrong = phone.wrong_code();
    for (answer, verdict) in [
        ("", "rejected empty"),
        ("hunter2", "rejected unshaped"),
        ("12345678", "rejected unshaped"),
        (&wrong, "rejected wrong"),
    ] {
        assert_eq!(verify(&maria, answer).verdict(), verdict, "{answer:?}");
    }
    assert_eq!(record(&maria).failures, 1);
    let said = verify(&maria, &phone.code());
    assert_eq!((said.word.as_str(), said.detail("failures")), ("accepted", "1"));
    assert!(said.detail("failing_since").parse::<u64>().unwrap() > 1_700_000_000);
}

#[test]
fn too_many_wrong_codes_make_the_right_one_wait_unused() {
    let host = host("require_mfa = true\n[throttle]\nfree_failures = 2\nfirst_wait = \"3s\"\n");
    let (maria, phone) = enrolled(&host, "maria");
    let wrong = phone.wrong_code();
    for _ in 0..2 {
        assert_eq!(verify(&maria, &wrong).verdict(), "rejected wrong");
    }
    let code = phone.code_at_step(1);
    let said = verify(&maria, &code);
    assert_eq!(said.verdict(), "rejected throttled");
    assert!((1..=3).contains(&said.detail("wait").parse::<u64>().unwrap()), "{said:?}");
    assert_eq!(status(&maria).detail("failures"), "2");
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(verify(&maria, &code).verdict(), "accepted");
}

#[test]
fn whoever_has_no_credential_is_not_enrolled() {
    let host = host(REQUIRED);
    let maria = host.add_user("maria", "secret");
    for operation in ["verify", "disable", "enable"] {
        let said = check(&maria, operation, "answer=123456\n");
        let expected = if operation == "disable" { "refused required" } else { "refused not_enrolled" };
        assert_eq!((said.code, said.verdict().as_str()), (3, expected), "{operation}");
    }
    assert!(!record_path(&maria).exists(), "no state is made for nothing");
}

#[test]
fn a_recovery_code_works_once_and_says_how_many_are_left() {
    let host = host(REQUIRED);
    let maria = host.add_user("maria", "secret");
    let phone = Phone::numbered(1);
    let (codes, set) = recovery("abcdefghij");
    put(&maria, &Credential { authenticators: vec![authenticator(1, "phone", &phone)], recovery: Some(set) });
    assert_eq!(verify(&maria, &codes[0]).verdict(), "rejected unshaped", "before the user is enrolled");
    assert_eq!(verify(&maria, &phone.code()).verdict(), "accepted");
    let said = verify(&maria, &codes[3].to_lowercase());
    assert_eq!(said.stdout, "accepted\nleft=9\n");
    assert_eq!(verify(&maria, &codes[3]).verdict(), "rejected wrong_recovery_code");
    assert_eq!(status(&maria).detail("recovery_left"), "9");
    host.journal().wait_for(|line| line.message.contains("event=recovery_code_accepted"));
}

#[test]
fn status_tells_how_the_caller_stands_without_a_code() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let said = status(&maria);
    assert_eq!(
        said.stdout,
        "status\nuser=maria\nenrolled=no\nregistered=no\nswitched_off=no\ndecision=user_driven\nrequired=no\n"
    );
    let phone = Phone::of(&maria);
    let said = status(&maria);
    assert_eq!((said.detail("enrolled"), said.detail("registered")), ("yes", "no"));
    assert_eq!(verify(&maria, &phone.code()).verdict(), "accepted");
    let said = status(&maria);
    assert_eq!((said.code, said.detail("registered"), said.detail("last_service")), (0, "yes", "swaylock"));
    assert_eq!((said.detail("disabled"), said.detail("wait")), ("no", "0"));
    // A code that is required anywhere is told, and what holds for the service itself.
    host.policy(
        "require_mfa = false\n[[rule]]\nname = \"remote\"\nservices = [\"sshd\"]\nrequire_mfa = true\n",
    );
    let said = status(&maria);
    assert_eq!((said.detail("decision"), said.detail("required")), ("user_driven", "yes"));
    assert_eq!(check(&maria, "status", "service=sshd\n").detail("decision"), "required");
    maria.write(".twinlock/credential.toml", "nonsense\n", 0o600);
    assert_eq!(status(&maria).detail("trouble"), "credential_damaged");
    std::fs::write(record_path(&maria), b"nonsense").unwrap();
    assert_eq!(status(&maria).verdict(), "unavailable ledger_damaged");
}

#[test]
fn status_tells_until_when_enrolment_may_wait() {
    let host = host("require_mfa = true\nenroll_by = 2099-01-31\n");
    let maria = host.add_user("maria", "secret");
    assert_eq!(status(&maria).detail("grace_until"), "4073587200");
}

/// cases.md, row 27.
#[test]
fn only_the_real_users_own_credential_is_looked_at() {
    let host = host(USER_DRIVEN);
    let (maria, marias) = enrolled(&host, "maria");
    let (jakob, jakobs) = enrolled(&host, "jakob");
    let before = (record(&jakob), jakob.read(".twinlock/credential.toml"));
    let code = jakobs.code();
    // Whatever the caller claims.
    for name in ["jakob", "root"] {
        let mut command = maria.command(HELPER);
        command.arg("verify").env("USER", name).env("LOGNAME", name).env("HOME", &jakob.home);
        command.env("SUDO_UID", "0").env("SUDO_USER", name).current_dir("/home");
        assert_eq!(run(command, format!("answer={code}\n")).verdict(), "rejected wrong");
    }
    let spare = Phone::numbered(77);
    let new = of(&[authenticator(1, "spare", &spare)]);
    let said = change(&maria, &marias.code(), &spare.code(), &new);
    assert_eq!(said.verdict(), "accepted", "{said:?}");
    assert_eq!((record(&jakob), jakob.read(".twinlock/credential.toml")), before);
    assert_eq!(verify(&jakob, &code).verdict(), "accepted");
    // Root has a credential of its own too.
    let mut command = process::command(HELPER);
    command.arg("verify");
    assert_eq!(run(command, format!("answer={code}\n")).verdict(), "refused not_enrolled");
}

#[test]
fn a_uid_that_nobody_knows_is_unavailable() {
    let _host = host(USER_DRIVEN);
    let nobody = Account {
        name: "ghost".to_owned(),
        password: String::new(),
        uid: 54_321,
        gid: 54_321,
        home: "/tmp".into(),
    };
    let said = verify(&nobody, "123456");
    assert_eq!((said.code, said.verdict().as_str()), (1, "unavailable unknown_user"));
}

#[test]
fn a_code_that_the_helper_took_is_used_up_at_login_and_the_other_way_round() {
    let host = host(REQUIRED);
    host.install_twinlock();
    host.pam_service("till", twinlock_tests::STACK);
    let (maria, phone) = enrolled(&host, "maria");
    let login = |code: &str| {
        let mut login = PamClient::new(&host, "till").user("maria").start();
        login.expect_prompt("Verification code: ");
        login.answer(code);
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                login.answer_null();
            }
        }
        login.finish().code("authenticate")
    };
    steady();
    let (now, next) = (phone.code(), phone.code_at_step(1));
    assert_eq!(verify(&maria, &now).verdict(), "accepted");
    assert_eq!(login(&now), pam::AUTH_ERR);
    assert_eq!(login(&next), pam::SUCCESS);
    assert_eq!(verify(&maria, &next).verdict(), "rejected replayed");
}

/// cases.md, row 1, by the helper. The ledger is on a real disk.
#[test]
fn of_64_helpers_at_once_with_one_code_exactly_one_accepts_it() {
    let host = host(REQUIRED);
    host.ledger_on_disk();
    let (maria, phone) = enrolled(&host, "maria");
    steady();
    let code = phone.code();
    let mut children: Vec<_> = (0..64)
        .map(|_| {
            let mut command = maria.command(HELPER);
            command.arg("verify").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        use std::io::Write;
        write!(child.stdin.as_mut().unwrap(), "answer={code}").unwrap();
    }
    // Now all at once.
    children.iter_mut().for_each(|child| drop(child.stdin.take()));
    let verdicts: Vec<String> =
        children.into_iter().map(|child| said(child.wait_with_output().unwrap()).verdict()).collect();
    let count = |verdict: &str| verdicts.iter().filter(|one| *one == verdict).count();
    assert_eq!((count("accepted"), count("rejected replayed")), (1, 63), "{verdicts:?}");
}

#[test]
fn bad_input_is_refused_as_a_whole_and_nothing_is_said_about_it() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let before = record(&maria);
    let code = phone.code();
    let long = format!("answer={code}\n{}", "x".repeat(128 * 1024));
    let inputs = [
        format!("answer={code}\nanswer={code}\n"),
        format!("answer={code}\nuser=root\n"),
        format!("answer={code}\n\n"),
        format!("answer={code}\0\n"),
        format!("answer={code}\nconfirm={code}\n"),
        format!("ANSWER={code}\n"),
        format!("answer={code}\ncredential\n"),
        code.clone(),
        long,
    ];
    for input in inputs {
        for operation in ["verify", "disable", "enable", "status"] {
            let said = check(&maria, operation, &input);
            assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{operation} {:.40}", input);
            assert!(!said.stderr.contains(&code), "{}", said.stderr);
        }
    }
    assert_eq!(check(&maria, "change", format!("answer={code}\n")).code, 2, "a change without a credential");
    let words: &[&[&str]] =
        &[&[], &[""], &["--help"], &["Verify"], &["verify", "verify"], &["verify", ""], &["verify\n"]];
    for words in words {
        let mut command = maria.command(HELPER);
        command.args(*words);
        let said = run(command, format!("answer={code}\n"));
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{words:?}");
        assert!(said.stderr.starts_with("usage: check "), "{}", said.stderr);
    }
    assert_eq!(record(&maria), before);
    assert_eq!(verify(&maria, &code).verdict(), "accepted", "none of it used the code up");
}

#[test]
fn the_first_credential_needs_a_live_code_of_its_only_authenticator() {
    let host = host(REQUIRED);
    let maria = host.add_user("maria", "secret");
    let (phone, spare) = (Phone::numbered(1), Phone::numbered(2));
    let (_, set) = recovery("abcdefghij");
    let new = Credential { recovery: Some(set), ..of(&[authenticator(1, "phone", &phone)]) };
    let two = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    steady();
    for (confirm, credential, verdict) in [
        ("", &new, "refused not_confirmed"),
        (phone.wrong_code().as_str(), &new, "refused confirm_wrong"),
        (spare.code().as_str(), &new, "refused confirm_wrong"),
        ("password", &new, "refused confirm_wrong"),
        (phone.code().as_str(), &two, "refused not_confirmed"),
    ] {
        let said = change(&maria, "", confirm, credential);
        assert_eq!((said.code, said.verdict().as_str()), (3, verdict), "{confirm}");
        assert!(!maria.path(".twinlock").exists(), "nothing half done");
    }
    let code = phone.code();
    let said = change(&maria, "", &code, &new);
    assert_eq!((said.code, said.stdout.as_str()), (0, "accepted\nadded=phone\n"));
    let file = std::fs::metadata(maria.path(".twinlock/credential.toml")).unwrap();
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (maria.uid, maria.gid, 0o600));
    let folder = std::fs::metadata(maria.path(".twinlock")).unwrap();
    assert_eq!((folder.uid(), folder.mode() & 0o7777), (maria.uid, 0o700));
    host.journal().wait_for(|line| line.message.contains("event=enrolled"));
    // The code that confirmed is used, and the second registration is a change, which needs an answer.
    assert_eq!(verify(&maria, &code).verdict(), "rejected replayed");
    assert_eq!(change(&maria, "", &code, &new).verdict(), "rejected empty");
    assert_eq!(verify(&maria, &phone.code_at_step(1)).verdict(), "accepted");
}

#[test]
fn where_only_an_administrator_enrols_nobody_registers_by_themselves() {
    let phone = Phone::numbered(1);
    let new = of(&[authenticator(1, "phone", &phone)]);
    for policy in [
        "require_mfa = true\nunenrolled = \"deny\"\n",
        // At one of the services that count, whatever the caller names.
        "require_mfa = false\n[[rule]]\nname = \"r\"\nservices = [\"sshd\"]\nrequire_mfa = true\nunenrolled = \"deny\"\n",
        "require_mfa = nonsense\n",
    ] {
        let host = host(policy);
        let maria = host.add_user("maria", "secret");
        assert_eq!(change(&maria, "", &phone.code(), &new).verdict(), "refused enrollment_not_allowed");
        assert!(!maria.path(".twinlock").exists());
        host.journal().wait_for(|line| line.message.contains("event=credential_change_refused"));
    }
    let host = host("require_mfa = false\nunenrolled = \"deny\"\n");
    let maria = host.add_user("maria", "secret");
    assert_eq!(change(&maria, "", &phone.code(), &new).verdict(), "accepted");
}

#[test]
fn a_credential_goes_where_the_policy_wants_it_and_stays_where_it_is() {
    let host = host("require_mfa = false\ncredential_store = \"system\"\n");
    let maria = host.add_user("maria", "secret");
    let homeless = host.add_user_without_home("karl", "secret", Path::new("/home/karl"));
    let (phone, spare) = (Phone::numbered(1), Phone::numbered(2));
    let new = of(&[authenticator(1, "phone", &phone)]);
    steady();
    assert_eq!(change(&maria, "", &phone.code(), &new).verdict(), "accepted");
    let path = format!("/var/lib/twinlock/credentials/{}.toml", maria.uid);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert!(!maria.path(".twinlock").exists());
    host.policy(USER_DRIVEN);
    let replaced = of(&[authenticator(1, "spare", &spare)]);
    assert_eq!(change(&maria, &phone.code_at_step(1), &spare.code(), &replaced).verdict(), "accepted");
    assert!(std::fs::read_to_string(&path).unwrap().contains(&spare.secret));
    assert!(!maria.path(".twinlock").exists());
    let said = run(
        {
            let mut command = homeless.command(HELPER);
            command.arg("change").current_dir("/");
            command
        },
        change_input("", &phone.code(), "", &new),
    );
    assert_eq!(said.verdict(), "accepted");
    assert!(Path::new(&format!("/var/lib/twinlock/credentials/{}.toml", homeless.uid)).exists());
}

#[test]
fn a_credential_from_before_counts_as_current() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let spare = Phone::numbered(2);
    let new = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    steady();
    assert_eq!(change(&maria, "", &spare.code(), &new).verdict(), "rejected empty");
    assert_eq!(change(&maria, &phone.wrong_code(), &spare.code(), &new).verdict(), "rejected wrong");
    let said = change(&maria, &phone.code(), &spare.code(), &new);
    assert_eq!(
        (said.verdict().as_str(), said.detail("added"), said.detail("removed")),
        ("accepted", "spare", "")
    );
    assert!(record(&maria).knows(&stored(&maria).into()));
    assert_eq!(stored(&maria).fingerprint(), new.fingerprint());
}

#[test]
fn one_authenticator_is_added_with_a_current_code_and_its_own() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let (spare, third) = (Phone::numbered(2), Phone::numbered(3));
    let old = stored(&maria);
    let new = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    let two = of(&[
        authenticator(1, "phone", &phone),
        authenticator(2, "spare", &spare),
        authenticator(3, "third", &third),
    ]);
    steady();
    // None of these uses the answer up: what is wrong with them is known before it is looked at.
    for (confirm, credential, verdict) in [
        ("", &new, "refused not_confirmed"),
        (phone.code().as_str(), &new, "refused not_confirmed"),
        (spare.wrong_code().as_str(), &new, "refused confirm_wrong"),
        (spare.code().as_str(), &two, "refused not_confirmed"),
    ] {
        assert_eq!(change(&maria, &phone.code(), confirm, credential).verdict(), verdict, "{confirm}");
    }
    assert_eq!(change(&maria, &phone.wrong_code(), &spare.code(), &new).verdict(), "rejected wrong");
    assert_eq!(change(&maria, &spare.code(), &spare.code(), &new).verdict(), "rejected wrong");
    assert_eq!(stored(&maria).fingerprint(), old.fingerprint());
    let (answer, confirm) = (phone.code(), spare.code());
    let said = change(&maria, &answer, &confirm, &new);
    assert_eq!(said.stdout.lines().next(), Some("accepted"), "{said:?}");
    assert_eq!(
        (said.detail("added"), said.detail("recovery"), said.detail("authenticator")),
        ("spare", "kept", "phone")
    );
    assert_eq!(said.detail("failures"), "2");
    let line = host.journal().wait_for(|line| line.message.contains("event=credential_changed")).message;
    assert!(line.contains("added=\"spare\" removed=\"\" recovery=kept"), "{line}");
    for used in [&answer, &confirm] {
        assert_eq!(verify(&maria, used).verdict(), "rejected replayed");
    }
    assert_eq!(verify(&maria, &spare.code_at_step(1)).detail("authenticator"), "spare");
    assert_eq!(verify(&maria, &phone.code_at_step(1)).detail("authenticator"), "phone");
}

#[test]
fn no_code_works_twice_by_renaming_or_by_removing_and_adding_again() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let spare = Phone::numbered(2);
    let (first, second) = (authenticator(1, "phone", &phone), authenticator(2, "spare", &spare));
    steady();
    let both = of(&[first.clone(), second.clone()]);
    let (phone_now, spare_now) = (phone.code(), spare.code());
    assert_eq!(change(&maria, &phone_now, &spare_now, &both).verdict(), "accepted");
    // Renamed with a code of the other: the name changes, the steps stay.
    let renamed = of(&[authenticator(7, "work phone", &phone), second.clone()]);
    let spare_next = spare.code_at_step(1);
    let said = change(&maria, &spare_next, "", &renamed);
    assert_eq!((said.verdict().as_str(), said.detail("added")), ("accepted", "work phone"), "{said:?}");
    assert_eq!(verify(&maria, &phone_now).verdict(), "rejected replayed");
    // Removed, and added again at once: the code that was used before confirms nothing.
    let phone_next = phone.code_at_step(1);
    let alone = of(&[authenticator(7, "work phone", &phone)]);
    let said = change(&maria, &phone_next, "", &alone);
    assert_eq!((said.verdict().as_str(), said.detail("removed")), ("accepted", "spare"));
    for used in [&spare_now, &spare_next] {
        assert_eq!(change(&maria, "", used, &renamed).verdict(), "refused confirm_too_soon");
    }
    // Nor under any other secret that is the same key to HMAC.
    let mut padded = second.clone();
    padded.secret.extend([0; 5]);
    let again = of(&[authenticator(7, "work phone", &phone), padded.clone()]);
    assert_eq!(change(&maria, "", &spare_next, &again).verdict(), "refused confirm_too_soon");
    // Nor twice in one credential.
    let twice = of(&[second, padded]);
    assert_eq!(change(&maria, "", &spare_next, &twice).verdict(), "refused credential_invalid");
    let mut altered = authenticator(7, "work phone", &phone);
    altered.digits = 8;
    assert_eq!(change(&maria, "", "", &of(&[altered])).verdict(), "refused parameters_changed");
}

#[test]
fn a_phone_is_replaced_and_the_old_one_is_dead() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let new_phone = Phone::numbered(2);
    let (codes, set) = recovery("abcdefghij");
    steady();
    let with_codes = Credential { recovery: Some(set), ..of(&[authenticator(1, "phone", &phone)]) };
    let said = change(&maria, &phone.code(), "", &with_codes);
    assert_eq!((said.verdict().as_str(), said.detail("recovery")), ("accepted", "replaced"), "{said:?}");
    // The old phone is lost: a recovery code stands in for it.
    let replaced =
        Credential { authenticators: vec![authenticator(1, "phone", &new_phone)], ..with_codes.clone() };
    let said = change(&maria, &codes[0], &new_phone.code(), &replaced);
    assert_eq!((said.verdict().as_str(), said.detail("left")), ("accepted", "9"), "{said:?}");
    assert_eq!(verify(&maria, &phone.code_at_step(1)).verdict(), "rejected wrong");
    assert_eq!(verify(&maria, &codes[0]).verdict(), "rejected wrong_recovery_code", "used codes stay used");
    // A new set: the codes of the old one are dead.
    let (new_codes, new_set) = recovery("klmnopqrst");
    let renewed = Credential { recovery: Some(new_set), ..replaced };
    assert_eq!(change(&maria, &new_phone.code_at_step(1), "", &renewed).verdict(), "accepted");
    assert_eq!(verify(&maria, &codes[1]).verdict(), "rejected wrong_recovery_code");
    assert_eq!(verify(&maria, &new_codes[1]).verdict(), "accepted");
}

#[test]
fn a_new_credential_that_is_none_is_refused_before_a_code_is_used() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let code = phone.code();
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    for text in
        ["", "version = 1\n", &format!("secret = \"{secret}\nx"), &"[".repeat(60_000), &"x".repeat(70_000)]
    {
        let said = check(&maria, "change", format!("answer={code}\ncredential\n{text}"));
        assert_eq!((said.code, said.verdict().as_str()), (3, "refused credential_invalid"), "{text:.30}");
        assert!(!said.stdout.contains(secret) && !host.journal().text().contains(secret));
    }
    assert_eq!(verify(&maria, &code).verdict(), "accepted");
}

#[test]
fn when_the_file_cannot_be_written_the_code_is_used_and_the_old_registration_stays() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let spare = Phone::numbered(2);
    let new = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    let folder = maria.path(".twinlock");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    steady();
    let code = phone.code();
    let said = change(&maria, &code, &spare.code(), &new);
    assert_eq!((said.code, said.verdict().as_str()), (1, "unavailable io"), "{said:?}");
    assert_eq!(verify(&maria, &code).verdict(), "rejected replayed");
    assert_eq!(verify(&maria, &spare.code_at_step(1)).verdict(), "rejected wrong");
    assert_eq!(verify(&maria, &phone.code_at_step(1)).verdict(), "accepted");
}

#[test]
fn of_two_changes_from_the_same_credential_the_second_is_refused_and_nothing_is_lost() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let (spare, third) = (Phone::numbered(2), Phone::numbered(3));
    let base: String = stored(&maria).fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    let first = of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)]);
    let second = of(&[authenticator(1, "phone", &phone), authenticator(2, "third", &third)]);
    steady();
    let said = check(&maria, "change", change_input(&phone.code(), &spare.code(), &base, &first));
    assert_eq!(said.verdict(), "accepted", "{said:?}");
    let next = phone.code_at_step(1);
    let said = check(&maria, "change", change_input(&next, &third.code(), &base, &second));
    assert_eq!((said.code, said.verdict().as_str()), (3, "refused changed_meanwhile"));
    assert_eq!(stored(&maria).fingerprint(), first.fingerprint());
    assert_eq!(verify(&maria, &next).verdict(), "accepted", "and its code was not used up");
}

#[test]
fn of_sixteen_changes_at_once_one_wins_and_file_and_ledger_agree() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let phones: Vec<Phone> = (1..=16).map(Phone::numbered).collect();
    steady();
    // Everybody registers a first credential.
    let inputs: Vec<String> = phones
        .iter()
        .map(|phone| change_input("", &phone.code(), "", &of(&[authenticator(1, "phone", phone)])))
        .collect();
    let caller = &maria;
    let verdicts: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = inputs
            .iter()
            .map(|input| scope.spawn(move || check(caller, "change", input).verdict()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(verdicts.iter().filter(|verdict| *verdict == "accepted").count(), 1, "{verdicts:?}");
    for verdict in verdicts.iter().filter(|verdict| *verdict != "accepted") {
        let late = ["refused changed_meanwhile", "rejected empty", "refused not_confirmed"];
        assert!(late.contains(&verdict.as_str()), "{verdicts:?}");
    }
    let winner = verdicts.iter().position(|verdict| verdict == "accepted").unwrap();
    assert!(record(&maria).knows(&stored(&maria).into()));
    assert_eq!(verify(&maria, &phones[winner].code_at_step(1)).verdict(), "accepted");
}

#[test]
fn the_users_own_switch_takes_a_code() {
    let host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    steady();
    assert_eq!(check(&maria, "disable", "answer=\n").verdict(), "rejected empty");
    assert_eq!(
        check(&maria, "disable", format!("answer={}\n", phone.wrong_code())).verdict(),
        "rejected wrong"
    );
    assert!(!record(&maria).switched_off);
    let said = check(&maria, "disable", format!("answer={}\n", phone.code()));
    assert_eq!((said.code, said.word.as_str(), said.detail("authenticator")), (0, "accepted", "phone"));
    assert_eq!(status(&maria).detail("switched_off"), "yes");
    host.journal().wait_for(|line| line.message.contains("event=disabled"));
    assert_eq!(check(&maria, "enable", format!("answer={}\n", phone.code())).verdict(), "rejected replayed");
    let said = check(&maria, "enable", format!("answer={}\n", phone.code_at_step(1)));
    assert_eq!(said.verdict(), "accepted");
    assert_eq!(status(&maria).detail("switched_off"), "no");
    host.journal().wait_for(|line| line.message.contains("event=enabled"));
}

#[test]
fn nobody_switches_off_what_is_required_at_any_service() {
    let rule = |service: &str| {
        format!(
            "require_mfa = false\n[[rule]]\nname = \"r\"\nservices = [\"{service}\"]\nrequire_mfa = true\n"
        )
    };
    for policy in
        [REQUIRED.to_owned(), rule("sshd"), rule("login"), rule("su"), rule("sudo"), rule("swaylock")]
    {
        let host = host(USER_DRIVEN);
        let (maria, phone) = enrolled(&host, "maria");
        host.policy(&policy);
        let code = phone.code();
        let said = check(&maria, "disable", format!("service=swaylock\nanswer={code}\n"));
        assert_eq!((said.code, said.verdict().as_str()), (3, "refused required"), "{policy}");
        assert_eq!(verify(&maria, &code).verdict(), "accepted", "the code was not looked at");
    }
}

/// cases.md, row 55.
#[test]
fn a_credential_that_its_user_edited_is_unavailable_at_once() {
    let host = host(USER_DRIVEN);
    let maria = host.add_user("maria", "secret");
    let (phone, spare) = (Phone::numbered(1), Phone::numbered(2));
    let (codes, set) = recovery("abcdefghij");
    let first = authenticator(1, "phone", &phone);
    let sound = Credential { recovery: Some(set.clone()), ..of(std::slice::from_ref(&first)) };
    put(&maria, &sound);
    let used = phone.code_at_step(-1);
    assert_eq!(verify(&maria, &used).verdict(), "accepted");
    let text = sound.to_text();
    let edit = |change: &dyn Fn(&mut Credential)| {
        let mut edited = sound.clone();
        change(&mut edited);
        edited.to_text().to_string()
    };
    let salt = |salt: &[u8]| edit(&|edited| edited.recovery.as_mut().unwrap().salt = salt.to_vec());
    let edits = [
        (
            "adds an authenticator",
            edit(&|edited| edited.authenticators.push(authenticator(2, "spare", &spare))),
        ),
        ("replaces it", edit(&|edited| edited.authenticators = vec![authenticator(1, "phone", &spare)])),
        ("relabels", edit(&|edited| edited.authenticators[0].label = "boss".to_owned())),
        ("renumbers", edit(&|edited| edited.authenticators[0].id = 9)),
        ("eight digits", edit(&|edited| edited.authenticators[0].digits = 8)),
        ("another period", edit(&|edited| edited.authenticators[0].period = 60)),
        ("another salt", salt(&[9; 16])),
        ("fewer rounds", edit(&|edited| edited.recovery.as_mut().unwrap().rounds = 100_001)),
        ("most rounds", edit(&|edited| edited.recovery.as_mut().unwrap().rounds = 1_000_000)),
        ("4,000,000,000 rounds", text.replace("100000", "4000000000")),
        (
            "a hash twice",
            edit(&|edited| {
                let hashes = &mut edited.recovery.as_mut().unwrap().hashes;
                hashes[1] = hashes[0];
            }),
        ),
        ("no recovery codes", edit(&|edited| edited.recovery = None)),
        (
            "its secret twice",
            edit(&|edited| {
                edited.authenticators.push(authenticator(2, "spare", &phone));
            }),
        ),
        ("empty", String::new()),
        ("cut", text[..text.len() / 2].to_owned()),
    ];
    steady();
    for (what, edited) in &edits {
        maria.write(".twinlock/credential.toml", edited, 0o600);
        for answer in [&phone.code(), &codes[0], &spare.code()] {
            let begun = std::time::Instant::now();
            let said = verify(&maria, answer);
            assert_eq!((said.code, said.word.as_str()), (1, "unavailable"), "{what}: {said:?}");
            assert!(begun.elapsed().as_millis() < 1500, "{what} took {:?}", begun.elapsed());
            let new = of(std::slice::from_ref(&first));
            assert_eq!(change(&maria, answer, "", &new).word, "unavailable", "{what}");
            assert_eq!(check(&maria, "disable", format!("answer={answer}\n")).word, "unavailable", "{what}");
        }
    }
    // The old file brought back counts again, and nothing of it was used up or revived.
    put(&maria, &sound);
    steady();
    assert_eq!(verify(&maria, &used).word, "rejected");
    let now = phone.code();
    assert_eq!(verify(&maria, &now).verdict(), "accepted");
    assert_eq!(verify(&maria, &codes[0]).verdict(), "accepted");
    // After a change the old copy is a stranger.
    let renamed = Credential { recovery: Some(set), ..of(&[authenticator(1, "desk", &phone)]) };
    assert_eq!(change(&maria, &phone.code_at_step(1), "", &renamed).verdict(), "accepted");
    put(&maria, &sound);
    for answer in [&now, &codes[0], &codes[1]] {
        assert_eq!(verify(&maria, answer).verdict(), "unavailable credential_unregistered");
    }
    put(&maria, &renamed);
    for (answer, verdict) in
        [(&now, "rejected replayed"), (&codes[0], "rejected wrong_recovery_code"), (&codes[1], "accepted")]
    {
        assert_eq!(verify(&maria, answer).verdict(), verdict);
    }
}

/// A home's own traps: nothing in it is followed, waited for or written as root.
#[test]
fn a_home_cannot_lead_the_helper_anywhere() {
    let host = host(USER_DRIVEN);
    host.write("/etc/secret", "root's own\n", 0o600);
    let spare = Phone::numbered(2);
    let new = of(&[authenticator(1, "phone", &spare)]);
    let traps: &[(&str, &dyn Fn(&Account))] = &[
        ("a link for the file", &|user| {
            user.write(".twinlock/x", "", 0o600);
            std::os::unix::fs::symlink("/etc/shadow", user.path(".twinlock/credential.toml")).unwrap();
        }),
        ("a link for the folder", &|user| {
            std::os::unix::fs::symlink("/etc", user.path(".twinlock")).unwrap()
        }),
        ("a link for the file that replaces it", &|user| {
            user.write(".twinlock/x", "", 0o600);
            std::os::unix::fs::symlink("/etc/shadow", user.path(".twinlock/credential.toml.new")).unwrap();
        }),
        ("a FIFO", &|user| {
            user.write(".twinlock/x", "", 0o600);
            process::run(
                process::command("mkfifo").args(["-m", "600"]).arg(user.path(".twinlock/credential.toml")),
            )
            .ok();
            chown(user.path(".twinlock/credential.toml"), Some(user.uid), Some(user.gid)).unwrap();
        }),
        ("a hard link to root's", &|user| {
            user.write(".twinlock/x", "", 0o600);
            std::fs::hard_link("/etc/secret", user.path(".twinlock/credential.toml"))
                .or_else(|_| std::fs::copy("/etc/secret", user.path(".twinlock/credential.toml")).map(drop))
                .unwrap();
        }),
    ];
    for (number, (what, trap)) in traps.iter().enumerate() {
        let user = host.add_user(&format!("user{number}"), "secret");
        trap(&user);
        let before = std::fs::read("/etc/shadow").unwrap();
        let said = verify(&user, "123456");
        assert!(matches!(said.word.as_str(), "unavailable" | "refused"), "{what}: {said:?}");
        let said = change(&user, "123456", &spare.code(), &new);
        assert!(["unavailable", "accepted"].contains(&said.word.as_str()), "{what}: {said:?}");
        assert!(std::fs::read("/etc/shadow").unwrap() == before, "{what}");
        assert!(!Path::new("/etc/credential.toml").exists(), "{what}");
        assert_eq!(std::fs::read_to_string("/etc/secret").unwrap(), "root's own\n", "{what}");
    }
}

#[test]
fn no_secret_and_no_code_is_said_or_logged() {
    let host: Host = host(USER_DRIVEN);
    let (maria, phone) = enrolled(&host, "maria");
    let (codes, set) = recovery("abcdefghij");
    let spare = Phone::numbered(2);
    let new = Credential {
        recovery: Some(set),
        ..of(&[authenticator(1, "phone", &phone), authenticator(2, "spare", &spare)])
    };
    let wrong = phone.wrong_code();
    let mut all = String::new();
    steady();
    let (now, next, confirm) = (phone.code(), phone.code_at_step(1), spare.code());
    for said in [
        status(&maria),
        verify(&maria, &wrong),
        verify(&maria, "MyPassw0rd"),
        change(&maria, &now, &confirm, &new),
        verify(&maria, &now),
        verify(&maria, &codes[0]),
        verify(&maria, &codes[0]),
        check(&maria, "disable", format!("answer={next}\n")),
    ] {
        all.push_str(&said.stdout);
        all.push_str(&said.stderr);
    }
    host.journal().wait_for(|line| line.message.contains("event=disabled"));
    all.push_str(&host.journal().text());
    let bare = codes[0].replace('-', "");
    for secret in [&phone.secret, &spare.secret, &codes[0], &bare, &now, &next, &confirm, &wrong] {
        assert!(!all.contains(secret.as_str()), "{secret} is in {all}");
    }
    assert!(!all.contains("MyPassw0rd"));
}
