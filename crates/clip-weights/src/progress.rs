/// Hears how far a long piece of work has come. `()` ignores it.
pub trait Progress {
    /// A piece of `bytes` bytes begins, or begins again after an interruption.
    fn start(&mut self, task: &str, bytes: u64);

    /// That many more bytes are done.
    fn advance(&mut self, bytes: u64);

    /// The piece is done.
    fn finish(&mut self);
}

impl Progress for () {
    fn start(&mut self, _task: &str, _bytes: u64) {}

    fn advance(&mut self, _bytes: u64) {}

    fn finish(&mut self) {}
}
