//! What buttons and messages say, in the languages that login pages are commonly in.

/// All words of a list, whose lines hold those of a language each.
fn each(list: &[&'static str]) -> impl Iterator<Item = &'static str> {
    list.iter().flat_map(|line| line.split('|'))
}

/// What pressing a button means, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// No, cancel, leave, somebody else, another way: never pressed.
    Deny,
    /// Cannot be told.
    Unknown,
    /// Skip what is offered.
    Later,
    /// Go on.
    Continue,
    /// Yes, I allow it.
    Allow,
}

/// What a label and the button's own names (`name`, `value`, `id`) say. A denial anywhere outweighs the rest.
pub(super) fn meaning(label: &str, names: &[&str]) -> Meaning {
    let label = label.to_lowercase();
    if each(LATER).any(|phrase| contains(&label, phrase)) {
        return Meaning::Later;
    }
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let says = |words: &[&'static str]| {
        each(words).any(|word| contains(&label, word) || names.iter().any(|name| contains(name, word)))
    };
    if says(DENY) {
        Meaning::Deny
    } else if says(ALLOW) {
        Meaning::Allow
    } else if says(CONTINUE) {
        Meaning::Continue
    } else {
        Meaning::Unknown
    }
}

/// Whether pressing a button ends the session: it speaks of leaving, or says yes on a page that asks.
pub(super) fn ends_session(label: &str, names: &[&str]) -> bool {
    let texts: Vec<String> = std::iter::once(&label).chain(names).map(|text| text.to_lowercase()).collect();
    let says = |words: &[&'static str]| each(words).any(|word| texts.iter().any(|text| contains(text, word)));
    !says(STAY) && (says(LEAVE) || says(ALLOW) || says(CONTINUE))
}

/// Whether the message of a login page is about the session (our cookies, our time) and not about name or password.
pub(super) fn about_session(message: &str) -> bool {
    let message = message.to_lowercase();
    each(SESSION).any(|word| message.contains(word)) && !each(CREDENTIAL).any(|word| message.contains(word))
}

/// Whether it says that the account is locked or disabled.
pub(super) fn about_lock(message: &str) -> bool {
    let message = message.to_lowercase();
    each(LOCKED).any(|word| message.contains(word))
}

/// Whether the code that is asked for comes by message or mail, which no seed can answer.
pub(super) fn sent_code(text: &str) -> bool {
    let text = text.to_lowercase();
    each(SENT).any(|word| text.contains(word)) && !text.contains("authenticator")
}

/// Whether a page sends its reader elsewhere for a second factor: to a phone, an app, a device.
pub(super) fn asks_elsewhere(text: &str) -> bool {
    let text = text.to_lowercase();
    each(ELSEWHERE).any(|word| text.contains(word))
}

/// Whether a text says that the page needs a script.
pub(super) fn wants_script(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("javascript") || text.contains("scripting")
}

/// How surely pressing a button signs in: 2 if it says nothing else, 1 if it says that among others.
pub(super) fn signs_in(label: &str) -> u8 {
    let label = label.to_lowercase();
    let label = label.trim();
    match each(SIGN_IN).any(|phrase| label == phrase) {
        true => 2,
        false => u8::from(each(SIGN_IN).any(|phrase| contains(label, phrase))),
    }
}

/// Whether pressing a button only shows or hides what was typed.
pub(super) fn reveals(label: &str) -> bool {
    let label = label.to_lowercase();
    each(REVEAL).any(|word| contains(&label, word))
}

/// Whether a text speaks of a passkey or security key to sign in with, and does not offer to make one.
pub(super) fn about_passkey(text: &str) -> bool {
    let text = text.to_lowercase();
    each(PASSKEY).any(|word| text.contains(word)) && !each(ENROL).any(|word| contains(&text, word))
}

/// Whether a message says that something was refused, though nothing marks it as a message.
pub(super) fn refuses(text: &str) -> bool {
    let text = text.to_lowercase();
    each(REFUSED).any(|word| text.contains(word))
}

/// Whether a message only says that it takes a moment.
pub(super) fn is_busy(text: &str) -> bool {
    let text = text.to_lowercase();
    each(BUSY).any(|word| text.contains(word)) && !refuses(&text)
}

/// Whether the words beside a field ask for a user name.
pub(super) fn names_user(caption: &str) -> bool {
    let caption = caption.to_lowercase();
    each(USER).any(|word| caption.contains(word)) && !each(NO_USER).any(|word| contains(&caption, word))
}

/// Whether the words beside a field ask for a one-time code.
pub(super) fn names_code(caption: &str) -> bool {
    let caption = caption.to_lowercase();
    each(CODE).any(|word| caption.contains(word))
}

/// `phrase` as whole words; within words for scripts that do not divide them.
fn contains(text: &str, phrase: &str) -> bool {
    let divided = |c: char| c.is_alphanumeric() && c < '\u{2e80}';
    text.match_indices(phrase).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + phrase.len()..).and_then(|t| t.chars().next());
        let (first, last) = (phrase.chars().next(), phrase.chars().next_back());
        let joined =
            |outside: Option<char>, inside: Option<char>| outside.is_some_and(divided) && inside.is_some_and(divided);
        !joined(before, first) && !joined(after, last)
    })
}

const ALLOW: &[&str] = &[
    "allow|authorize|authorise|accept|agree|consent|grant|approve|permit|yes", // en
    "erlauben|zulassen|zustimmen|akzeptieren|annehmen|genehmigen|gewähren|autorisieren|ja", // de, nl, sv
    "autoriser|accepter|j'accepte|accepte|permettre|oui",                      // fr
    "permitir|autorizar|aceptar|acepto|aceitar|aceito|sí|sim",                 // es, pt
    "consenti|autorizza|accetta|accetto|permetti|sì",                          // it
    "toestaan|accepteren|akkoord",                                             // nl
    "tillåt|godkänn|acceptera|tillad|godkend|tillat|godta|salli|hyväksy",      // nordic
    "zezwól|zezwalam|akceptuj|akceptuję|zgadzam|tak|povolit|přijmout|souhlasím|ano", // pl, cs
    "разрешить|принять|да|дозволити|так|izin|kabul|evet",                      // ru, uk, tr
    "同意|許可|承認|はい|允许|授权|接受|허용|동의|승인",                       // ja, zh, ko
];

const CONTINUE: &[&str] = &[
    "continue|confirm|next|proceed|ok|okay|submit|done|finish", // en
    "weiter|fortfahren|bestätigen|continuer|confirmer|suivant|valider", // de, fr
    "continuar|confirmar|siguiente|próximo|continua|conferma|avanti", // es, pt, it
    "doorgaan|bevestigen|volgende|fortsätt|fortsæt|fortsett|bekräfta|jatka", // nl, nordic
    "kontynuuj|dalej|potwierdź|pokračovat|продолжить|далее|devam", // pl, cs, ru, tr
    "続行|続ける|次へ|继续|繼續|确认|계속|확인",                // ja, zh, ko
];

const DENY: &[&str] = &[
    "deny|cancel|decline|reject|refuse|disallow|abort|no|not|don't|back|stay|logout|log out|sign out",
    "signout|switch|another|other|different|forgot|reset|register|sign up|signup|create|passkey",
    "security key|google|facebook|apple|microsoft|github", // en
    "ablehnen|abbrechen|verweigern|nein|nicht|zurück|abmelden", // de
    "refuser|annuler|non|retour|déconnexion|denegar|rechazar|cancelar|volver", // fr, es
    "nega|annulla|rifiuta|indietro|recusar|não|voltar|weigeren|annuleren|nee|terug", // it, pt, nl
    "avbryt|neka|nej|afvis|annuller|avvis|nei|peruuta|hylkää|ei", // nordic
    "odmów|anuluj|nie|zrušit|odmítnout|ne|отклонить|отмена|нет|reddet|iptal|hayır", // pl, cs, ru, tr
    "拒否|キャンセル|いいえ|拒绝|取消|否|거부|취소|아니요", // ja, zh, ko
];

const LEAVE: &[&str] = &[
    "logout|log out|sign out|signout|sign me out|log me out|abmelden|ausloggen|déconnexion|déconnecter",
    "cerrar sesión|esci|disconnetti|sair|afmelden|uitloggen|logga ut|log ud|logg ut|kirjaudu ulos|wyloguj",
    "odhlásit|выйти|ログアウト|退出|登出|로그아웃",
];

const STAY: &[&str] = &["stay|cancel|no|not|don't|back|abbrechen|nein|angemeldet bleiben|annuler|rester|cancelar"];

/// Offers that may be put off: they contain words of denial and are no denial.
const LATER: &[&str] =
    &["not now", "skip", "later", "remind me", "maybe later", "später", "überspringen", "plus tard", "más tarde"];

const SESSION: &[&str] = &[
    "cookie|csrf|session|sitzung|sesión|sessione|sessão|expired|abgelaufen|expiré|timed out|timeout",
    "too long|start over|try signing in again|セッション|会话",
];

const CREDENTIAL: &[&str] = &[
    "password|passwort|kennwort|mot de passe|contraseña|senha|wachtwoord|lösenord|username|user name",
    "benutzer|account|konto|credential|incorrect|invalid username|パスワード|密码",
];

const LOCKED: &[&str] = &[
    "locked|disabled|blocked|suspended|too many|gesperrt|deaktiviert|verrouillé|bloqué|bloquead|bloccat",
    "geblokkeerd|spärrat|zablokowan|заблокирован|ロック|锁定",
];

const SENT: &[&str] =
    &["sms", "text message", "texted", "emailed", "e-mailed", "sent to your", "sent you", "per e-mail", "gesendet"];

/// What such pages ask for; what they are about ("two-factor") stands on other pages as well.
const ELSEWHERE: &[&str] = &[
    "approve the request|approve the sign|approve this sign|approve sign|open the app|open your authenticator",
    "on your phone|on your mobile|on your device|on another device|check your phone|sent a push|sent a notification",
    "auf ihrem telefon|auf ihrem handy|auf ihrem smartphone|auf ihrem gerät|öffnen sie die app",
    "sur votre téléphone|sur votre appareil|ouvrez l'application|en tu teléfono|en su teléfono|sul tuo telefono",
    "op uw telefoon|op je telefoon|スマートフォンで|手机上",
];

const SIGN_IN: &[&str] = &[
    "sign in|log in|login|signin|sign me in|log me in|enter|anmelden|einloggen|se connecter|connexion|s'identifier",
    "iniciar sesión|entrar|acceder|ingresar|accedi|inloggen|aanmelden|logga in|log ind|logg inn|kirjaudu|kirjaudu sisään",
    "zaloguj|zaloguj się|přihlásit|přihlásit se|войти|увійти|giriş yap|giriş|ログイン|サインイン|登录|登入|登錄|로그인",
];

const REVEAL: &[&str] = &[
    "show|hide|reveal|toggle|anzeigen|verbergen|afficher|masquer|mostrar|ocultar|mostra|nascondi|tonen|verbergen|visa|vis",
    "pokaż|ukryj|zobrazit|показать|скрыть|göster|表示|显示|表示する|표시",
];

const PASSKEY: &[&str] = &[
    "passkey|security key|biometric|webauthn|fido2|touch id|face id|windows hello|fingerprint",
    "sicherheitsschlüssel|clé d'accès|clé de sécurité|llave de acceso|clave de acceso|chave de acesso|chiave di accesso",
    "toegangssleutel|パスキー|通行密钥|通行金鑰|패스키",
];

const ENROL: &[&str] = &[
    "create|add|set up|setup|register|enroll|enrol|new|without|einrichten|erstellen|hinzufügen|créer|ajouter|crear",
    "añadir|criar|crea|aggiungi|aanmaken|toevoegen",
];

const REFUSED: &[&str] = &[
    "incorrect|invalid|wrong|not match|n't match|n't recogni|not recogni|not find|n't find|failed|denied|try again",
    "not valid|unknown user|does not exist|doesn't exist|no account|locked|too many|not allowed|rejected",
    "falsch|ungültig|fehlgeschlagen|nicht gefunden|stimmt nicht|gesperrt|invalide|échec|échoué|erroné|introuvable",
    "no válid|incorrecta|incorrecto|inválid|errat|non valid|onjuist|ongeldig|mislukt|felaktig|ogiltig|forkert|ugyldig",
    "väärä|virheellinen|nieprawidłow|błędn|nesprávn|neplatn|неверн|неправильн|невірн|hatalı|geçersiz",
    "正しくありません|間違|無効|失敗|错误|錯誤|不正确|不正確|无效|無效|失败|잘못|올바르지",
];

const BUSY: &[&str] = &[
    "signing in|logging in|loading|please wait|redirecting|one moment|processing|verifying|bitte warten|wird geladen",
    "werden angemeldet|weitergeleitet|chargement|patienter|cargando|espere|carregando|aguarde|caricamento|attendere",
    "even geduld|laden|ladowanie|ładowanie|proszę czekać|подождите|загрузка|yükleniyor|読み込み|お待ち|加载|请稍候|로딩|잠시",
];

const USER: &[&str] = &[
    "user name|username|user id|userid|e-mail|email|login|account name|benutzer|anmeldename|identifiant|adresse mail",
    "usuario|correo|utilizador|utente|gebruikersnaam|användarnamn|brugernavn|brukernavn|käyttäjätunnus|użytkownik",
    "uživatelské jméno|логин|почт|имя пользователя|kullanıcı|ユーザー名|メール|用户名|邮箱|用戶名|아이디|이메일",
];

/// Fields that speak of users and are not for the name of ours.
const NO_USER: &[&str] = &["search|newsletter|subscribe|suche|recherche|buscar|invite|password|passwort"];

const CODE: &[&str] = &[
    "one-time|one time|verification code|authenticator|authentication code|security code|6-digit|six-digit|otp|2fa|mfa",
    "einmal|bestätigungscode|sicherheitscode|code de vérification|code à usage|código de verificación|código de verificação",
    "codice di verifica|verificatiecode|engångskod|kod weryfikacyjny|認証コード|確認コード|验证码|驗證碼|인증 코드|인증번호",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_mean_what_they_say() {
        for (label, names, expected) in [
            ("Allow", &[][..], Meaning::Allow),
            ("Authorize example-app", &[], Meaning::Allow),
            ("Ja, ich stimme zu", &[], Meaning::Allow),
            ("Zulassen", &[], Meaning::Allow),
            ("同意する", &[], Meaning::Allow),
            ("허용", &[], Meaning::Allow),
            ("Accept", &["answer", "accept"], Meaning::Allow),
            ("Weiter", &[], Meaning::Continue),
            ("Continue", &[], Meaning::Continue),
            ("Continue with Google", &[], Meaning::Deny),
            ("Sign in with a passkey", &[], Meaning::Deny),
            ("Don't allow", &[], Meaning::Deny),
            ("Nicht zulassen", &[], Meaning::Deny),
            ("Cancel", &[], Meaning::Deny),
            ("No", &["cancel"], Meaning::Deny),
            ("Weiter", &["deny"], Meaning::Deny),
            ("No, stay signed in", &[], Meaning::Deny),
            ("Not now", &[], Meaning::Later),
            ("Skip for now", &[], Meaning::Later),
            ("Notify me", &[], Meaning::Unknown),
            ("Knowledge", &[], Meaning::Unknown),
        ] {
            assert_eq!(meaning(label, names), expected, "{label} {names:?}");
        }
    }

    #[test]
    fn pages_that_send_elsewhere_say_so() {
        assert!(asks_elsewhere("Approve the request. Open the app on your phone and choose 42."));
        assert!(asks_elsewhere("We sent a push notification to Pixel 7"));
        assert!(!asks_elsewhere("Your account: turn on two-factor authentication"));
        assert!(!asks_elsewhere("Your profile. Open settings to change your phone number."));
        assert!(!asks_elsewhere("Something went wrong"));
    }

    #[test]
    fn messages_about_the_session_are_no_refusal() {
        assert!(about_session("Your login attempt timed out. Login will start from the beginning."));
        assert!(about_session("Cookie not found. Please make sure cookies are enabled."));
        assert!(!about_session("Your password has expired."));
        assert!(!about_session("Invalid username or password."));
        assert!(about_lock("Account is temporarily locked"));
        assert!(about_lock("Ihr Konto ist gesperrt."));
    }
}
