//! A display manager: the real greetd, and a greeter that speaks its protocol (greetd-ipc(7)): length in native order, JSON.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use twinlock_tests::{Host, Terminal};

use crate::person::{Cell, Person, STACK};
use crate::polkit::wait_for;

/// The greeter's place: it tells where the socket is, and stays until the session may begin.
const GREETER: &str = "#!/bin/sh\necho \"$GREETD_SOCK\" >/tmp/greeter/part; mv /tmp/greeter/part /tmp/greeter/socket\n\
     until [ -e /tmp/greeter/leave ]; do sleep 0.05; done\n";

pub fn login(host: &Host, person: &Person) -> Cell {
    host.pam_service("greetd", STACK);
    host.pam_service(
        "greetd-greeter",
        "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
    );
    host.write("/usr/local/bin/greeter", GREETER, 0o755);
    host.write(
        "/etc/greetd/config.toml",
        "[terminal]\nvt = \"none\"\nswitch = false\n[default_session]\ncommand = \"/usr/local/bin/greeter\"\nuser = \"otto\"\n",
        0o644,
    );
    std::fs::create_dir_all("/tmp/greeter").unwrap();
    std::fs::set_permissions("/tmp/greeter", std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let _daemon = Terminal::new(host).run::<&str>("greetd", &[]);
    wait_for(Path::new("/tmp/greeter/socket"));
    let socket = std::fs::read_to_string("/tmp/greeter/socket").unwrap();
    let mut greeter = Greeter(UnixStream::connect(socket.trim()).unwrap());
    let cell = greeter.talk(person);
    if cell == Cell::Refused {
        return cell;
    }
    let start = json!({"type": "start_session", "cmd": ["touch", "/home/maria/in"], "env": []});
    assert_eq!(greeter.ask(&start)["type"], "success");
    host.write("/tmp/greeter/leave", "", 0o644);
    let deadline = Instant::now() + Duration::from_secs(15);
    while !person.account.path("in").exists() {
        assert!(Instant::now() < deadline, "no session\n{}", host.journal().text());
        std::thread::sleep(Duration::from_millis(20));
    }
    cell
}

struct Greeter(UnixStream);

impl Greeter {
    fn ask(&mut self, request: &Value) -> Value {
        let text = request.to_string();
        self.0.write_all(&u32::try_from(text.len()).unwrap().to_ne_bytes()).unwrap();
        self.0.write_all(text.as_bytes()).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_ne_bytes(length) as usize];
        self.0.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    fn talk(&mut self, person: &Person) -> Cell {
        let mut codes = [
            person.phone.as_ref().map(|phone| phone.wrong_code()),
            person.phone.as_ref().map(|phone| phone.code()),
        ]
        .into_iter()
        .flatten();
        let mut asked = 0;
        let mut answer = self.ask(&json!({"type": "create_session", "username": "maria"}));
        loop {
            let text = answer["auth_message"].as_str().unwrap_or_default().to_owned();
            let response = match (answer["type"].as_str().unwrap(), answer["auth_message_type"].as_str()) {
                ("success", _) => return if asked == 2 { Cell::Code } else { Cell::FirstFactor },
                ("error", _) => return Cell::Refused,
                (_, Some("secret")) if text.contains("assword") => Some(person.account.password.clone()),
                (_, Some("secret")) if text.contains("ode") => {
                    asked += 1;
                    Some(codes.next().expect("a code is asked of somebody who has none left"))
                }
                (_, Some("info" | "error")) => {
                    // A small dialogue: a line, and no picture.
                    assert!(text.is_ascii() && text.lines().count() <= 1, "{text:?}");
                    None
                }
                _ => panic!("greetd says {answer}"),
            };
            answer = self.ask(&json!({"type": "post_auth_message_response", "response": response}));
        }
    }
}
