//! README in Chinese is as complete as README: the same headings in the same order, and the same blocks but for words.

const README: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");

/// The lines outside of blocks, and the blocks with their languages.
fn parts(document: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let (mut prose, mut blocks, mut is_block) = (Vec::new(), Vec::new(), false);
    for line in document.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if is_fence && !is_block {
            blocks.push(Vec::new());
        }
        match blocks.last_mut().filter(|_| is_fence || is_block) {
            Some(block) => block.push(line),
            None => prose.push(line),
        }
        is_block ^= is_fence;
    }
    (prose, blocks)
}

/// The levels of the headings in their order.
fn levels(document: &str) -> Vec<usize> {
    let level = |line: &&str| line.bytes().take_while(|byte| *byte == b'#').count();
    parts(document).0.iter().map(level).filter(|level| *level > 0).collect()
}

/// The blocks without remarks.
fn blocks(document: &str) -> Vec<Vec<String>> {
    let bare = |line: &&str| line.find("  #").map_or(*line, |at| &line[..at]).trim_end().to_string();
    parts(document).1.iter().map(|block| block.iter().map(bare).collect()).collect()
}

/// The number of rows of the tables.
fn rows(document: &str) -> usize {
    parts(document).0.iter().filter(|line| line.starts_with('|')).count()
}

#[test]
fn chinese_readme_is_as_complete_as_the_english_one() {
    assert_eq!(levels(CHINESE), levels(README), "headings");
    assert_eq!(blocks(CHINESE), blocks(README), "blocks");
    assert_eq!(rows(CHINESE), rows(README), "rows of tables");
}

#[test]
fn remark_is_not_compared_and_a_command_is() {
    let one = "# a\n\n```sh\ncmd x    # what it does\n```\n";
    assert_eq!(blocks(one), blocks(&one.replace("what it does", "做什么")));
    assert_ne!(blocks(one), blocks(&one.replace("cmd x", "cmd y")));
    assert_ne!(levels(one), levels("# a\n## b\n"));
}
