//! Wall time that a module adds to an empty login. The logins that are compared take turns, each in a process of its
//! own, so that a busy machine falls on all alike; the state is brought back outside of the time.

use crate::client::Client;
use crate::contestant::Contestant;
use crate::figure::{Figure, Spread, Unit};
use crate::policies;
use crate::progress::Progress;
use crate::stage::{Login, Stage, Storage};
use crate::target::Target;

/// Logins of each kind, in turns of so many: a code is good for half a minute.
const LOGINS: usize = 1000;
const TURN: usize = 50;
/// Logins under each policy, in turns of so many.
const POLICY_LOGINS: usize = 200;
const POLICY_TURN: usize = 20;

/// The right code, by each module.
pub fn logins(client: &Client, stage: &Stage, storage: Storage, progress: &Progress) -> Vec<Figure> {
    let (name, place) = match storage {
        Storage::Memory => ("tmpfs", "tmpfs"),
        Storage::Disk => ("disk", "disk"),
    };
    let mut times = vec![Vec::new(); 5];
    for turn in 0..LOGINS / TURN {
        progress.now(&format!("wall time on {place}, {} of {LOGINS}", turn * TURN));
        let both = Login { hooks: "auth,account", ..stage.right_code(Contestant::Twinlock) };
        let mut logins = vec![stage.permitted()];
        logins.extend(Contestant::ALL.map(|contestant| stage.right_code(contestant)));
        logins.push(both);
        for (all, new) in times.iter_mut().zip(client.time(TURN, &logins)) {
            all.extend(new);
        }
        stage.host.journal().clear();
    }
    let spreads: Vec<Spread> = times.into_iter().map(Spread::of).collect();
    let [permit, ours, google, oath, both] = spreads[..] else { panic!("five kinds of logins") };
    let of_each = |of: fn(&Spread) -> f64| {
        let each = [(Contestant::Twinlock, ours), (Contestant::Google, google), (Contestant::Oath, oath)];
        each.map(|(contestant, spread)| (contestant, of(&spread) - permit.median))
    };
    let figure =
        |what: &str, label: String| Figure::new(&format!("wall.{name}.{what}"), &label, Unit::Microseconds);
    let median = figure("median", format!("wall time added on {place}: right code, median"))
        .values(of_each(|of| of.median));
    vec![
        match storage {
            Storage::Memory => median.target(Target::TimesGoogle(1.5)).target(Target::TimesGoogle(1.0)),
            Storage::Disk => median.target(Target::AheadOfAll),
        },
        figure("p99", format!("  on {place}: 99 of {} within", 100)).values(of_each(|of| of.p99)),
        figure("account", format!("  on {place}: and our account hook, median"))
            .value(Contestant::Twinlock, both.median - permit.median),
    ]
}

/// The right code under policies of different sizes; the policy without rules is in force afterwards.
pub fn policies(client: &Client, stage: &Stage, progress: &Progress) -> Vec<Figure> {
    let kinds = [
        ("none", "no rules", policies::PLAIN.to_owned()),
        ("3_rules", "3 rules", policies::three_rules()),
        ("30_rules", "30 rules", policies::thirty_rules()),
        ("10000_users", "10,000 users, 100 groups", policies::ten_thousand_users()),
    ];
    let mut times = vec![[Vec::new(), Vec::new()]; kinds.len()];
    for turn in 0..POLICY_LOGINS / POLICY_TURN {
        for ((_, label, policy), [permit, ours]) in kinds.iter().zip(&mut times) {
            progress.now(&format!("policy with {label}, {} of {POLICY_LOGINS}", turn * POLICY_TURN));
            stage.host.policy(policy);
            let logins = [stage.permitted(), stage.right_code(Contestant::Twinlock)];
            let [new_permit, new_ours] = client.time(POLICY_TURN, &logins).try_into().expect("two logins");
            permit.extend(new_permit);
            ours.extend(new_ours);
            stage.host.journal().clear();
        }
    }
    stage.host.policy(policies::PLAIN);
    let added = times.into_iter().map(|[permit, ours]| Spread::of(ours).median - Spread::of(permit).median);
    let figures = kinds.iter().zip(added).map(|((name, label, _), added)| {
        let label = format!("  on tmpfs, policy with {label}");
        Figure::new(&format!("wall.policy.{name}"), &label, Unit::Microseconds)
            .value(Contestant::Twinlock, added)
    });
    let mut figures: Vec<Figure> = figures.collect();
    if let Some(largest) = figures.last_mut() {
        largest.targets.push(Target::Under(10_000.0));
    }
    figures
}
