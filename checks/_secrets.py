"""Secrets as their issuers write them: access keys, private keys, tokens"""

import re

# Prefixes that stand before nothing but an issuer's keys, as their documentation and the lists of secret scanners have
# them. What follows is long, and drawn.
_PREFIXES = (
    *("ABSK", "AKCp", "ATATT3", "ATCTT3", "CLOJARS_", "dckr_oat_", "dckr_pat_", "doo_v1_", "dop_v1_", "dor_v1_"),
    *("dt0c01.", "duffel_live_", "duffel_test_", "EZAK", "EZTK", "figd_", "figo_", "figu_", "fio-u-", "fm1r_", "fm2_"),
    *("fo1_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glagent-", "glcbt-", "gldt-", "glffct-", "glft-"),
    *("glimt-", "gloas-", "glpat-", "glptt-", "glrt-", "glsa_", "glsoat-", "GOCSPX-", "GR1348941", "gsk_", "HRKU-AA"),
    *("hvb.", "hvr.", "hvs.", "lin_api_", "lin_oauth_", "LTAI", "NRAA-", "NRAK-", "NRII-", "NRJS-", "ntn_", "ops_eyJ"),
    *("p8e-", "PMAK-", "pnu_", "pplx-", "pscale_oauth_", "pscale_pw_", "pscale_tkn_", "pul-", "pypi-AgE", "rdme_"),
    *("rk_live_", "rk_prod_", "rk_test_", "rubygems_", "sbp_", "sgp_", "shippo_live_", "shippo_test_", "shpat_"),
    *("shpca_", "shppa_", "shpss_", "sk-admin-", "sk-ant-", "sk-or-v1-", "sk-proj-", "sk-svcacct-", "sk_live_"),
    *("sk_prod_", "sk_test_", "sm_aat_", "sm_pat_", "sm_sat_", "sntrys_", "sntryu_", "sq0atp-", "sq0csp-", "tk-us-"),
    *("whsec_", "xai-", "xapp-", "xkeysib-", "xoxa-", "xoxb-", "xoxe-", "xoxe.xoxb-", "xoxe.xoxp-", "xoxo-", "xoxp-"),
    *("xoxr-", "xoxs-", "xsmtpsib-", "ya29.", "FLWSECK_TEST-", "FLWSECK-"),
)
# Elsewhere the whole form says whose key it is.
_FORMS = {
    "1Password": r"A3-[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
    "Airtable": r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}",
    "Artifactory": r"cmVmd[A-Za-z0-9]{59}",
    "AWS": r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "Azure": r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
    "ClickHouse": r"4b1d[A-Za-z0-9]{38}\b",
    "Cloudflare": r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}",
    "Databricks": r"dapi[0-9a-f]{32}",
    "Discord": r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    "Doppler": r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9.]{40,}",
    "Facebook": r"EAA[MC][A-Za-z0-9]{80,}|\d{15,16}\|[A-Za-z0-9_-]{27,40}\b",
    "Google": r"AIza[A-Za-z0-9_-]{35}",
    "Grafana": r"glc_[A-Za-z0-9+/]{32,}|eyJrIjoi[A-Za-z0-9]{70,}",
    "Harness": r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}",
    "Hugging Face": r"(?:hf|api_org)_[A-Za-z0-9]{30,}",
    "Infracost": r"ico-[A-Za-z0-9]{32}\b",
    "Intra 42": r"s-s4t2(?:ud|af)-[a-f0-9]{64}",
    "Mailchimp": r"[0-9a-f]{32}-us\d{1,2}\b",
    "Mailgun": r"(?:key|pubkey)-[0-9a-f]{32}",
    "MaxMind": r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b",
    "Notion": r"secret_[A-Za-z0-9]{43}",
    "npm": r"npm_[A-Za-z0-9]{36}",
    "Octopus": r"API-[A-Z0-9]{26}\b",
    "OpenAI and others": r"sk-(?:live-|test-)?[A-Za-z0-9]{32,}",
    "OpenShift": r"sha256~[A-Za-z0-9_-]{43}",
    "Replicate": r"r8_[A-Za-z0-9]{37}",
    "SendGrid": r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}",
    "Slack": r"hooks\.slack\.com/(?:services|workflows)/[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9]{20,}",
    "Square": r"EAAA[A-Za-z0-9_-]{60}\b",
    "Teams": r"webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}",
    "Telegram": r"\d{8,10}:AA[A-Za-z0-9_-]{33}",
    "Terraform": r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}",
    "Twilio": r"SK[0-9a-fA-F]{32}\b",
}
KEY = rf"\b(?:(?:{'|'.join(map(re.escape, _PREFIXES))})[A-Za-z0-9_=+/-]{{16,}}|{'|'.join(_FORMS.values())})"
# Drawn signs have a digit or capitals among small letters; a long run of one sign holds a place.
IS_DRAWN, HOLDS_A_PLACE = r"\d|[a-z][A-Z]|^A[A-Z]{19}$", r"[xX*]{8}"

# A value that is called a key, secret or token: the name, at most a few signs, and a run long enough to be drawn.
NAMED = (
    r"(?i)(?:(?:api|access|secret|account|auth|private|client|signing|encryption|service)[_ -]?(?:access[_ -]?)?"
    r"(?:key|token|secret)|\btoken|\bsecret|\bpassw(?:or)?d)"
    r"(?:[\"'`]?\s{0,3}(?:=>|:=|[=:])\s{0,3}[\"'`]?|[\"'`]?\s+is:?\s+[\"'`]?)(?:bearer )?[A-Za-z0-9_+/~-]{20,}"
    r"|\bauthorization[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?:bearer|token|basic) [A-Za-z0-9_+/~-]{20,}"
)
# Of what is found, the value itself.
VALUE = r"[A-Za-z0-9_+/~-]{20,}$"
# Drawn from letters and digits, so many signs have far more than this many different ones, and a digit among letters.
MIN_SIGNS = 9
# What people write where a key belongs, words of names in code, and a token's encoded JSON, which is another check's.
NO_VALUE = (
    r"(?i)x{6}|your|placeholder|example|change|insert|replace|redact|environment|(?:^|[_-])(?:get|from|for|user|the|my|key"
    r"|secret|token)(?:[_-]|$)|^eyJ"
)

# A key's block with something in it: a line, the letters "\n" in JSON, or all in one line.
PRIVATE_KEY = (
    r"-{4,5} ?BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[ \t]*(?:\r?\n|\\r?\\?n|\\\\n)\s*[A-Za-z0-9+/]{3}"
    r"|\s?[A-Za-z0-9+/]{16})"
    r"|PuTTY-User-Key-File-\d: |AGE-SECRET-KEY-1[A-Z0-9]{50,}"
)
PRIVATE_KEY_HINTS = ("PRIVATE KEY", "PuTTY-User-Key-File", "AGE-SECRET-KEY")

# Encoded JSON starts with `{"`, so with eyJ (RFC 7519). Signed: header, claims, signature. Encrypted: five parts.
WEB_TOKEN = (
    r"\beyJ[A-Za-z0-9_-]{10,}\.(?:eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{20,}"
    r"|[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})"
)

# Every key and token has a run of so many letters and digits; where a text has no digit at all, one of these.
LONG_RUN = r"[A-Za-z0-9_+/~-]{20}"
WITHOUT_DIGITS = ("AKIA", "ASIA", "hf_", "api_org_", "ghp_", "glpat-", "glrt-", "sk_live_", "rk_live_", "sk-")
