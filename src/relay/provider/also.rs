//! Other names of the providers in the table: those of their own pages in Chinese, and what people say in short.

use super::row::Provider;
use super::table::PROVIDERS;

/// What people write, in lower case and without blanks, and the names of the providers that they can mean.
const ALSO: &[(&str, &[&str])] = &[
    ("腾讯企业邮箱", &["exmail"]),
    ("腾讯企业邮", &["exmail"]),
    ("企业微信邮箱", &["exmail"]),
    ("腾讯", &["exmail", "qq"]),
    ("腾讯邮箱", &["exmail", "qq"]),
    ("tencent", &["exmail", "qq"]),
    ("企业邮箱", &["exmail", "aliyun-enterprise"]),
    ("qq邮箱", &["qq"]),
    ("foxmail", &["qq"]),
    ("网易", &["163", "126", "yeah"]),
    ("网易邮箱", &["163", "126", "yeah"]),
    ("netease", &["163", "126", "yeah"]),
    ("163邮箱", &["163"]),
    ("网易163", &["163"]),
    ("126邮箱", &["126"]),
    ("网易126", &["126"]),
    ("阿里云企业邮箱", &["aliyun-enterprise"]),
    ("阿里企业邮箱", &["aliyun-enterprise"]),
    ("阿里云邮箱", &["aliyun"]),
    ("阿里云邮件推送", &["directmail"]),
    ("邮件推送", &["directmail"]),
    ("阿里", &["aliyun-enterprise", "aliyun", "directmail"]),
    ("阿里云", &["aliyun-enterprise", "aliyun", "directmail"]),
    ("飞书", &["feishu"]),
    ("飞书邮箱", &["feishu"]),
    ("google", &["gmail"]),
    ("googleworkspace", &["gmail"]),
    ("谷歌", &["gmail"]),
    ("谷歌邮箱", &["gmail"]),
    ("microsoft", &["office365", "outlook"]),
    ("微软", &["office365", "outlook"]),
    ("microsoft365", &["office365"]),
    ("m365", &["office365"]),
    ("o365", &["office365"]),
    ("exchange", &["office365"]),
    ("hotmail", &["outlook"]),
    ("apple", &["icloud"]),
    ("苹果", &["icloud"]),
    ("protonmail", &["proton"]),
    ("amazon", &["ses"]),
    ("aws", &["ses"]),
];

/// The providers that may be meant by a word that is none of their names; empty if nobody is.
pub(super) fn meant(word: &str) -> Vec<&'static Provider> {
    let word: String = word.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let title = |provider: &Provider| provider.title.to_lowercase().replace(' ', "");
    if let Some((_, names)) = ALSO.iter().find(|(known, _)| *known == word) {
        return PROVIDERS.iter().filter(|provider| names.contains(&provider.name)).collect();
    }
    // "office 365", "Zoho Mail".
    PROVIDERS.iter().filter(|provider| provider.name == word || title(provider) == word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_lead_to_rows_of_the_table() {
        for (word, names) in ALSO {
            assert_eq!(meant(word).len(), names.len(), "{word}");
            assert_eq!(word.to_lowercase().replace(' ', ""), *word);
        }
        let names = |word| meant(word).iter().map(|provider| provider.name).collect::<Vec<_>>();
        assert_eq!(names("QQ 邮箱"), ["qq"]);
        assert_eq!(names("Office 365"), ["office365"]);
        assert_eq!(names("Zoho Mail"), ["zoho"]);
        assert_eq!(names("腾讯"), ["exmail", "qq"]);
        assert!(names("nobody").is_empty());
    }
}
