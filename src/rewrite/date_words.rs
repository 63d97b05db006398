//! The words of date(1) in the languages of the machines that mail comes from, as the locales of glibc have them.

/// The names of each month, in full, cut short and in the genitive. No name stands for two months.
const MONTHS: [&str; 12] = [
    "january januar jänner jän janvier janv enero ene gennaio gen janeiro januari stycznia sty января янв jan",
    "february februar februari février févr fév febrero febbraio fevereiro fev lutego lut февраля фев feb",
    "march märz mär mrz mars marzo março maart mrt marca марта мар mar",
    "april avril avr abril abr aprile kwietnia kwi апреля апр apr",
    "mai mayo maggio maio mei maja мая may",
    "june juni juin junio giugno giu junho czerwca cze июня июн jun",
    "july juli juillet juil julio luglio lug julho lipca lip июля июл jul",
    "august août aoû agosto ago augustus sierpnia sie августа авг aug",
    "september sept septembre septiembre settembre set setembro września wrz сентября сен сент sep",
    "october oktober okt octobre octubre ottobre ott outubro out października paź октября окт oct",
    "november novembre noviembre novembro listopada lis ноября ноя нояб nov",
    "december dezember dez décembre déc diciembre dic dicembre dezembro grudnia gru декабря дек dec",
];

/// The names of each day of the week, from Monday.
const WEEKDAYS: [&str; 7] = [
    "monday mon montag mo lundi lun lunes lunedì segunda seg maandag ma poniedziałek pon понедельник пн 一 月",
    "tuesday tue tues dienstag di mardi mar martes martedì terça ter dinsdag wtorek wto вторник вт 二 火",
    "wednesday wed mittwoch mi mercredi mer miércoles mié mercoledì quarta qua woensdag wo środa śro среда ср 三 水",
    "thursday thu thur thurs donnerstag do jeudi jeu jueves jue giovedì gio quinta qui donderdag czwartek czw четверг чт 四 木",
    "friday fri freitag fr vendredi ven viernes vie venerdì sexta sex vrijdag vr piątek pią пятница пт 五 金",
    "saturday sat samstag sa samedi sam sábado sáb sabato sab zaterdag za sobota sob суббота сб 六 土",
    "sunday sun sonntag so dimanche dim domingo dom domenica zondag zo niedziela nie воскресенье вс 日 天",
];

/// Words that stand between the parts and say nothing.
const FILLERS: &str = "uhr de del г le kl";

/// The month of that name, from 0.
pub(super) fn month(word: &str) -> Option<i8> {
    place(&MONTHS, word)
}

/// The day of the week of that name, from Monday, 0.
pub(super) fn weekday(word: &str) -> Option<i8> {
    let word = ["星期", "周", "週", "礼拜"].iter().find_map(|head| word.strip_prefix(head)).unwrap_or(word);
    let word = ["曜日", "曜"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    place(&WEEKDAYS, word)
}

/// The word says nothing.
pub(super) fn is_filler(word: &str) -> bool {
    let word = plain(word);
    FILLERS.split(' ').any(|filler| filler == word)
}

/// The value with the signs of Chinese and Japanese dates as those of other languages: `2026年12月01日 00时53分12秒`.
pub(super) fn with_plain_signs(value: &str) -> String {
    let (mut plain, mut last) = (String::with_capacity(value.len()), ' ');
    for c in value.chars() {
        match c {
            '年' | '月' | '日' if last.is_ascii_digit() => plain.extend([c, ' ']),
            '时' | '時' | '分' if last.is_ascii_digit() => plain.push(':'),
            '秒' if last.is_ascii_digit() => plain.push(' '),
            _ => plain.push(c),
        }
        last = c;
    }
    plain
}

fn plain(word: &str) -> String {
    word.trim_end_matches('.').to_lowercase()
}

fn place(names: &[&str], word: &str) -> Option<i8> {
    let word = plain(word);
    let found = names.iter().position(|all| !word.is_empty() && all.split(' ').any(|name| name == word));
    found.and_then(|place| i8::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two() {
        for names in [&MONTHS[..], &WEEKDAYS[..]] {
            for (at, all) in names.iter().enumerate() {
                for name in all.split(' ') {
                    assert_eq!(place(names, name), i8::try_from(at).ok(), "{name}");
                }
            }
        }
    }
}
