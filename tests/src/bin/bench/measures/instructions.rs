//! Instructions that a module adds to an empty login, as callgrind counts them: the one figure that a busy machine
//! does not move. Loading, symbols, NSS and logging are in it; the kernel is not.
//!
//! valgrind shows programs a processor without SHA instructions, so hashing counts for more here than it costs.

use std::path::Path;

use twinlock_tests::oathtool;

use crate::client::Client;
use crate::contestant::Contestant;
use crate::figure::{Figure, Unit};
use crate::measures::by_each;
use crate::policies;
use crate::progress::Progress;
use crate::stage::{Login, Stage};
use crate::target::Target;

/// Where callgrind writes, on the host.
pub const OUTPUT: &str = "/run/bench/callgrind.out";

/// All figures of instructions; the policy without rules is in force afterwards.
pub fn all(client: &Client, stage: &Stage, progress: &Progress) -> Vec<Figure> {
    let meter = Meter { client, progress, permit: count(client, &stage.permitted()) };
    let ours = |login: Login| vec![(Contestant::Twinlock, login)];
    let right = |contestant| Some(stage.right_code(contestant));
    let id = |name: &str| format!("instructions.{name}");
    // The code of the step before is found later than that of now.
    oathtool::with_time_left(8);
    let figure = |name: &str, label: &str| Figure::new(&id(name), label, Unit::Instructions);

    let mut figures = vec![
        meter
            .measure(figure("right_code", "instructions added: right code, no rules"), &by_each(right))
            .target(Target::Under(250_000.0))
            .target(Target::AtMost(195_000.0)),
    ];
    let both = Login { hooks: "auth,account", ..stage.right_code(Contestant::Twinlock) };
    figures.push(meter.measure(figure("right_code_account", "  and our account hook"), &ours(both)));
    for (name, label, policy) in [
        ("right_code_3_rules", "  right code, 3 rules", policies::three_rules()),
        ("right_code_30_rules", "  right code, 30 rules", policies::thirty_rules()),
        (
            "right_code_10000_users",
            "  right code, 10,000 users and 100 groups",
            policies::ten_thousand_users(),
        ),
    ] {
        stage.host.policy(&policy);
        figures.push(meter.measure(figure(name, label), &ours(stage.right_code(Contestant::Twinlock))));
    }
    figures[2].targets.push(Target::Under(350_000.0));

    stage.host.policy(&policies::one_attempt());
    let wrong = by_each(|contestant| Some(stage.wrong_code(contestant)));
    figures
        .push(meter.measure(figure("wrong_code", "  wrong code"), &wrong).target(Target::TimesGoogle(0.01)));
    stage.host.policy(&policies::exempting(&stage.maria.name));
    let exempt = Login { answer: String::new(), ..stage.right_code(Contestant::Twinlock) };
    figures.push(meter.measure(figure("exempt", "  exempt by a rule"), &ours(exempt)));
    stage.host.policy(policies::USER_DRIVEN);
    let not_asked = by_each(|contestant| stage.not_asked(contestant));
    figures.push(meter.measure(figure("not_enrolled", "  user-driven and not enrolled"), &not_asked));
    stage.host.policy(policies::PLAIN);
    let recovery = by_each(|contestant| stage.recovery_code(contestant));
    figures.push(meter.measure(figure("recovery_code", "  recovery code (ours by PBKDF2)"), &recovery));
    figures
}

struct Meter<'a> {
    client: &'a Client,
    progress: &'a Progress,
    permit: f64,
}

impl Meter<'_> {
    fn measure(&self, figure: Figure, logins: &[(Contestant, Login)]) -> Figure {
        figure_of(figure, logins, |figure, contestant, login| {
            self.progress.now(&format!("{}, {}", figure.label.trim(), contestant.title()));
            count(self.client, login) - self.permit
        })
    }
}

fn figure_of(
    figure: Figure,
    logins: &[(Contestant, Login)],
    mut count: impl FnMut(&Figure, Contestant, &Login) -> f64,
) -> Figure {
    let counted: Vec<_> =
        logins.iter().map(|(contestant, login)| (*contestant, count(&figure, *contestant, login))).collect();
    figure.values(counted)
}

/// All instructions of one login, the application's own among them. What callgrind wrote stays in [`OUTPUT`].
pub fn count(client: &Client, login: &Login) -> f64 {
    let output = format!("--callgrind-out-file={OUTPUT}");
    client.once(&["valgrind", "--quiet", "--tool=callgrind", &output], login);
    let text = std::fs::read_to_string(Path::new(OUTPUT)).expect("callgrind's output");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    total.trim().parse().expect("a number")
}
