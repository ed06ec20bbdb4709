//! The steps of a run, in order, and how much time each may take.

use std::time::Duration;

use clap::ValueEnum;

/// A process of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// What the device is and can do
    Device,
    /// Vectors by the CPU, which the others are compared with
    Reference,
    /// Vectors by the device, compared, and then how fast the towers are
    Towers,
    /// The same with each operation by itself
    TowersUnfused,
    /// How fast PyTorch's are
    Pytorch,
    /// Steps of training
    Train,
    /// From the start of the process to a vector
    Start,
    /// The same once more, with what a driver keeps of the first time
    StartAgain,
}

impl Step {
    /// In the order of a run.
    pub(crate) const ALL: [Self; 8] = [
        Self::Device,
        Self::Reference,
        Self::Towers,
        Self::TowersUnfused,
        Self::Pytorch,
        Self::Train,
        Self::Start,
        Self::StartAgain,
    ];

    /// As the command line and the report have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Reference => "reference",
            Self::Towers => "towers",
            Self::TowersUnfused => "towers-unfused",
            Self::Pytorch => "pytorch",
            Self::Train => "train",
            Self::Start => "start",
            Self::StartAgain => "start-again",
        }
    }

    /// Whether operations are fused.
    pub(crate) fn is_fused(self) -> bool {
        self != Self::TowersUnfused
    }

    /// Whether the run is worth nothing without it.
    pub(crate) fn is_needed(self) -> bool {
        matches!(self, Self::Device | Self::Reference)
    }

    /// How much of the time that is left it may take, in proportion to those that follow.
    fn share(self) -> u32 {
        match self {
            Self::Device => 2,
            Self::Reference => 5,
            Self::Towers => 12,
            Self::TowersUnfused => 6,
            Self::Pytorch => 8,
            Self::Train => 3,
            Self::Start | Self::StartAgain => 2,
        }
    }

    /// What of the time that is left this step may take. What a step leaves over is shared by those after it.
    pub(crate) fn allotted(self, left: Duration) -> Duration {
        let here = Self::ALL.iter().position(|&step| step == self).unwrap_or(0);
        let shares: u32 = Self::ALL[here..].iter().map(|step| step.share()).sum();
        left * self.share() / shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_secs(300);

    #[test]
    fn correctness_comes_first() {
        let place = |step| Step::ALL.iter().position(|&other| other == step).unwrap();
        assert!(place(Step::Reference) < place(Step::Towers));
        assert!(place(Step::TowersUnfused) < place(Step::Train));
        assert!(place(Step::Train) < place(Step::Start));
    }

    #[test]
    fn steps_that_use_all_they_may_end_in_time() {
        let mut left = RUN;
        for step in Step::ALL {
            let allotted = step.allotted(left);
            assert!(allotted > Duration::ZERO, "{}", step.name());
            left -= allotted;
        }
        assert!(left < Duration::from_millis(1), "{left:?}");
    }

    #[test]
    fn what_a_step_leaves_over_goes_to_the_next() {
        let hurried = Step::Towers.allotted(RUN - Step::Reference.allotted(RUN));
        assert!(Step::Towers.allotted(RUN) > hurried);
        assert_eq!(Step::StartAgain.allotted(RUN), RUN);
    }
}
