//! L-BFGS, by argmin, stopping where scikit-learn's does.

use std::cell::RefCell;

use argmin::core::{
    CostFunction, Executor, Gradient, IterState, KV, Problem as Counted, Solver, State,
    TerminationReason, TerminationStatus,
};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::Probe;
use super::objective::Objective;
use crate::{Error, Result};

/// Steps remembered, as in scipy.
const MEMORY: usize = 10;
/// The loss stands still where it changes by less, in proportion; as in scikit-learn.
const STILL: f64 = 64.0 * f64::EPSILON;

type Argmin<T> = std::result::Result<T, argmin::core::Error>;

/// Where the solver stopped.
#[derive(Debug)]
pub(super) struct Solution {
    pub(super) parameters: Vec<f64>,
    pub(super) iterations: u64,
    pub(super) converged: bool,
}

/// Minimizes, from all weights 0.
pub(super) fn minimize(objective: &Objective, probe: &Probe) -> Result<Solution> {
    let penalty = 1.0 / (probe.c * objective.rows() as f64);
    let problem = Problem { objective, penalty, last: RefCell::default() };
    let failed = |error: argmin::core::Error| Error::Solver { reason: error.to_string() };
    let inner = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY);
    let solver = LikeScipy { inner, tolerance: probe.tolerance };
    let outcome = Executor::new(problem, solver)
        .configure(|state| {
            state.param(vec![0.0; objective.parameters()]).max_iters(probe.max_iterations)
        })
        .run()
        .map_err(failed)?;
    let mut state = outcome.state;
    let iterations = state.get_iter();
    let converged = matches!(
        state.get_termination_status(),
        TerminationStatus::Terminated(TerminationReason::SolverConverged)
    );
    let Some(parameters) = state.take_best_param() else {
        return Err(Error::Solver { reason: "no step lowers the loss".to_owned() });
    };
    Ok(Solution { parameters, iterations, converged })
}

/// argmin asks for the loss and the gradient apart, mostly at the same place; one pass over the
/// rows gives both.
struct Problem<'a> {
    objective: &'a Objective,
    penalty: f64,
    last: RefCell<Evaluation>,
}

#[derive(Default)]
struct Evaluation {
    parameters: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Problem<'_> {
    fn at<T>(&self, parameters: &[f64], part: impl Fn(&Evaluation) -> T) -> T {
        let mut last = self.last.borrow_mut();
        if last.parameters != parameters {
            let (loss, gradient) = self.objective.evaluate(self.penalty, parameters);
            *last = Evaluation { parameters: parameters.to_vec(), loss, gradient };
        }
        part(&last)
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Argmin<f64> {
        Ok(self.at(parameters, |evaluation| evaluation.loss))
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Argmin<Vec<f64>> {
        Ok(self.at(parameters, |evaluation| evaluation.gradient.clone()))
    }
}

/// argmin's solver, stopping where scipy's does. Its own measure is the Euclidean norm, which grows
/// with the number of weights; the same tolerance would ask for more steps than scikit-learn takes,
/// and for a linear probe the place where the solver stops decides some of the answers.
struct LikeScipy<S> {
    inner: S,
    tolerance: f64,
}

type Steps = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

impl<O, S: Solver<O, Steps>> Solver<O, Steps> for LikeScipy<S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn init(&mut self, problem: &mut Counted<O>, state: Steps) -> Argmin<(Steps, Option<KV>)> {
        self.inner.init(problem, state)
    }

    fn next_iter(&mut self, problem: &mut Counted<O>, state: Steps) -> Argmin<(Steps, Option<KV>)> {
        self.inner.next_iter(problem, state)
    }

    fn terminate(&mut self, state: &Steps) -> TerminationStatus {
        let largest =
            |gradient: &Vec<f64>| gradient.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        let flat = state.get_gradient().is_some_and(|gradient| largest(gradient) <= self.tolerance);
        let (before, now) = (state.get_prev_cost(), state.get_cost());
        let still = (before - now).abs() <= STILL * before.abs().max(now.abs()).max(1.0);
        // Before the first step the loss was infinite.
        if flat || (before.is_finite() && still) {
            return TerminationStatus::Terminated(TerminationReason::SolverConverged);
        }
        TerminationStatus::NotTerminated
    }
}
