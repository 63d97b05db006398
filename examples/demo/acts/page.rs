//! The page on which all is shown.

use std::io::{self, IsTerminal, Write};

/// Writes headings, remarks, and texts set off by a bar.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    is_bold: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, is_bold: io::stdout().is_terminal() }
    }

    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let (bold, plain) = if self.is_bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(self.out, "{bold}{text}{plain}")
    }

    /// A line at the margin.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A line below a heading.
    pub(super) fn remark(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "   {text}")
    }

    /// A text set off by a bar, and an empty line; nothing for an empty text.
    pub(super) fn block(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            self.remark(format!("| {line}").trim_end())?;
        }
        if text.is_empty() { Ok(()) } else { writeln!(self.out) }
    }
}
