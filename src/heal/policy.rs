//! What to do next in one cluster, from what has been seen so far. Pure: it asks nothing and does nothing.

use crate::model::{Exhausted, Tier};

/// What has been seen of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Tiers that were asked; `Remote` may be asked again.
    pub asked: Vec<Tier>,
    /// Candidates that wait to be judged, without those of the search.
    pub n_waiting: usize,
    /// Candidates of the search that wait to be judged.
    pub n_search_waiting: usize,
    /// Candidates of the search that were judged.
    pub n_searched: usize,
    /// Endpoint calls made.
    pub n_calls: u32,
    /// The endpoint repeated itself, gave up, or cannot be asked again.
    pub endpoint_is_done: bool,
    /// A candidate is proven.
    pub is_proven: bool,
    /// A limit that the next step would exceed.
    pub exhausted: Option<Exhausted>,
}

/// What the session allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Tiers that have a debugger, cheapest first.
    pub tiers: Vec<Tier>,
    /// Search candidates to judge before an endpoint is asked, when there is one.
    pub n_searched_before_endpoint: usize,
    /// Endpoint calls.
    pub n_calls_max: u32,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask the debuggers of a tier for candidates.
    Ask(Tier),
    /// Judge all waiting candidates that are not of the search.
    Judge,
    /// Judge so many candidates of the search.
    Search(usize),
    /// A candidate is proven: show it.
    Review,
    /// A limit is reached.
    Exhausted(Exhausted),
    /// Nobody has a further idea.
    GiveUp,
}

/// Decides the next step.
pub(super) fn next(seen: &Seen, allowed: &Allowed) -> Step {
    if seen.is_proven {
        return Step::Review;
    }
    if let Some(exhausted) = seen.exhausted {
        return Step::Exhausted(exhausted);
    }
    if seen.n_waiting > 0 {
        return Step::Judge;
    }
    let unasked = allowed.tiers.iter().find(|tier| **tier != Tier::Remote && !seen.asked.contains(tier));
    if let Some(tier) = unasked {
        return Step::Ask(*tier);
    }
    let may_call =
        allowed.tiers.contains(&Tier::Remote) && !seen.endpoint_is_done && seen.n_calls < allowed.n_calls_max;
    let n_search = if may_call {
        allowed.n_searched_before_endpoint.saturating_sub(seen.n_searched).min(seen.n_search_waiting)
    } else {
        seen.n_search_waiting
    };
    match (n_search, may_call) {
        (0, true) => Step::Ask(Tier::Remote),
        (0, false) => Step::GiveUp,
        (n_search, _) => Step::Search(n_search),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Tier; 4] = [Tier::Known, Tier::Compiler, Tier::Search, Tier::Remote];

    fn allowed(tiers: &[Tier]) -> Allowed {
        Allowed { tiers: tiers.to_vec(), n_searched_before_endpoint: 40, n_calls_max: 3 }
    }

    fn searching() -> Seen {
        Seen { asked: ALL[..3].to_vec(), n_search_waiting: 100, ..Seen::default() }
    }

    #[test]
    fn cheap_tiers_are_asked_first_and_each_once() {
        let mut seen = Seen::default();
        for tier in &ALL[..3] {
            assert_eq!(next(&seen, &allowed(&ALL)), Step::Ask(*tier));
            seen.asked.push(*tier);
        }
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Ask(Tier::Remote));
        assert_eq!(next(&seen, &allowed(&ALL[..3])), Step::GiveUp);
    }

    #[test]
    fn waiting_candidates_come_before_further_questions() {
        let seen = Seen { asked: vec![Tier::Known], n_waiting: 2, ..Seen::default() };
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Judge);
    }

    #[test]
    fn a_long_search_gives_way_to_the_endpoint_and_resumes_when_that_is_done() {
        let mut seen = searching();
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Search(40));
        (seen.n_searched, seen.n_search_waiting) = (40, 60);
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Ask(Tier::Remote));
        (seen.n_calls, seen.n_waiting) = (1, 1);
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Judge);
        (seen.n_waiting, seen.endpoint_is_done) = (0, true);
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Search(60));
    }

    #[test]
    fn without_an_endpoint_the_search_is_not_cut_short() {
        assert_eq!(next(&searching(), &allowed(&ALL[..3])), Step::Search(100));
    }

    #[test]
    fn calls_are_counted() {
        let seen = Seen { asked: ALL[..3].to_vec(), n_calls: 3, ..Seen::default() };
        assert_eq!(next(&seen, &allowed(&ALL)), Step::GiveUp);
    }

    #[test]
    fn a_proof_is_shown_even_when_the_budget_is_spent() {
        let seen = Seen { exhausted: Some(Exhausted::Attempts), ..searching() };
        assert_eq!(next(&seen, &allowed(&ALL)), Step::Exhausted(Exhausted::Attempts));
        assert_eq!(next(&Seen { is_proven: true, ..seen }, &allowed(&ALL)), Step::Review);
    }
}
