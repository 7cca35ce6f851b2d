package wechat

import (
	"time"

	"github.com/tiangeng/tiangeng/bot/channel"
)

// Rule is what an error code of the platform means for one send.
type Rule struct {
	Verdict    channel.Verdict
	Class      channel.Class
	Reason     string        // short English word
	RetryAfter time.Duration // at least; 0 leaves it to the caller
}

// Reasons that change what is believed about a person.
const (
	reasonWindowClosed = "window_closed"
	reasonWindowSpent  = "window_spent"
	reasonNotFollowing = "not_following"
	reasonUnlisted     = "unlisted"
	reasonQuotaSpent   = "quota_spent" // until midnight in Shanghai
)

// Classify says what an error code means (wechat-protocol §5 and reliability §5.4). Code 0 is
// accepted, which is not delivered. A code nobody has listed is a refusal of our request, so that
// one delivery fails and is seen; it is never taken for a success (B8).
//
// Two rules belong to one API only and are made by Send: -1 of a customer-service message is
// unknown, and 45009 waits for midnight.
func Classify(code int) Rule {
	if mistake("errcode ignored") {
		return rules[0]
	}
	if r, ok := rules[code]; ok {
		return r
	}
	if code >= 65301 && code <= 65317 { // conditional menus
		return refused(channel.ClassOurs, "conditional_menu")
	}
	return refused(channel.ClassOurs, reasonUnlisted)
}

func refused(class channel.Class, reason string) Rule {
	return Rule{Verdict: channel.Refused, Class: class, Reason: reason}
}

func refusedFor(class channel.Class, reason string, pause time.Duration) Rule {
	return Rule{Verdict: channel.Refused, Class: class, Reason: reason, RetryAfter: pause}
}

var rules = map[int]Rule{
	0:     {Verdict: channel.Accepted},
	45065: {Verdict: channel.Accepted, Reason: "duplicate"}, // the body carries the first msg_id

	// Again.
	-1:    refusedFor(channel.ClassRetry, "busy", 5*time.Second),
	43108: refusedFor(channel.ClassRetry, "concurrent", time.Second),
	45011: refusedFor(channel.ClassLater, "too_fast", time.Minute),
	45066: refusedFor(channel.ClassLater, "same_id_too_fast", time.Minute),
	53501: refusedFor(channel.ClassLater, "publishing_too_often", time.Minute),

	// The token. The client refreshed and repeated once before anybody reads this.
	40001: refused(channel.ClassToken, "token_rejected"),
	40014: refused(channel.ClassToken, "token_malformed"),
	42001: refused(channel.ClassToken, "token_expired"),

	// This person.
	40003: refused(channel.ClassRecipient, "openid_invalid"),
	43004: refused(channel.ClassRecipient, reasonNotFollowing),
	50005: refused(channel.ClassRecipient, reasonNotFollowing),
	43005: refused(channel.ClassRecipient, "not_a_friend"),
	43019: refused(channel.ClassRecipient, "blacklisted"),
	43101: refused(channel.ClassRecipient, "no_grant"),
	43117: refused(channel.ClassRecipient, "person_limit"),
	45015: refused(channel.ClassRecipient, reasonWindowClosed),
	45047: refused(channel.ClassRecipient, reasonWindowSpent),
	46004: refused(channel.ClassRecipient, "user_missing"),
	48002: refused(channel.ClassRecipient, "receiving_switched_off"),
	49003: refused(channel.ClassRecipient, "openid_of_another_app"),
	// One frozen account must not stop a campaign; many of them are for the caller to notice.
	50002: refused(channel.ClassRecipient, "user_limited"),

	// The whole campaign or channel.
	40007: refused(channel.ClassCampaign, "media_invalid"),
	46001: refused(channel.ClassCampaign, "media_missing"),
	40037: refused(channel.ClassCampaign, "template_invalid"),
	40164: refused(channel.ClassCampaign, reasonAddressNotListed),
	45035: refused(channel.ClassCampaign, reasonAddressNotListed),
	61004: refused(channel.ClassCampaign, reasonAddressNotListed),
	43107: refused(channel.ClassCampaign, "notices_banned"),
	45009: refused(channel.ClassCampaign, reasonQuotaSpent),
	45028: refused(channel.ClassCampaign, "mass_quota_spent"),
	45166: refused(channel.ClassCampaign, "content_refused"),
	45168: refused(channel.ClassCampaign, "sensitive_words"),
	48001: refused(channel.ClassCampaign, "api_not_granted"),
	48003: refused(channel.ClassCampaign, "mass_agreement_missing"),
	48004: refused(channel.ClassOperator, "api_banned"), // nothing at all is sent until somebody has looked
	48008: refused(channel.ClassCampaign, "type_not_permitted"),

	// A person must act.
	40002: refused(channel.ClassOperator, "grant_type_wrong"),
	40013: refused(channel.ClassOperator, "app_id_wrong"),
	40125: refused(channel.ClassOperator, "secret_wrong"),
	40243: refused(channel.ClassOperator, "secret_frozen"),
	43100: refused(channel.ClassOperator, "industry_changed_too_often"),
	45026: refused(channel.ClassOperator, "too_many_templates"),
	45027: refused(channel.ClassOperator, "template_not_in_category"),
	45064: refused(channel.ClassOperator, "mini_program_not_linked"),
	46002: refused(channel.ClassOperator, "menu_version_missing"),
	46003: refused(channel.ClassOperator, "menu_missing"),
	48005: refused(channel.ClassOperator, "material_in_use"),
	48006: refused(channel.ClassOperator, "clear_quota_exhausted"),
	50001: refused(channel.ClassOperator, "not_authorised"),
	53500: refused(channel.ClassOperator, "publishing_banned"),
	53502: refused(channel.ClassOperator, "publishing_refused"),
	61003: refused(channel.ClassOperator, "component_not_authorised"),
	61007: refused(channel.ClassOperator, "component_not_authorised"),

	// Our request is wrong: the same request will fail for ever.
	40008: refused(channel.ClassOurs, "message_type"),
	40035: refused(channel.ClassOurs, "parameter"),
	40038: refused(channel.ClassOurs, "parameter"),
	40097: refused(channel.ClassOurs, "parameter"),
	40031: refused(channel.ClassOurs, "openid_list"),
	40032: refused(channel.ClassOurs, "openid_list"),
	40130: refused(channel.ClassOurs, "openid_list"),
	41001: refused(channel.ClassOurs, "parameter_missing"),
	41002: refused(channel.ClassOurs, "parameter_missing"),
	41003: refused(channel.ClassOurs, "parameter_missing"),
	41004: refused(channel.ClassOurs, "parameter_missing"),
	41005: refused(channel.ClassOurs, "parameter_missing"),
	41006: refused(channel.ClassOurs, "parameter_missing"),
	41007: refused(channel.ClassOurs, "parameter_missing"),
	41008: refused(channel.ClassOurs, "parameter_missing"),
	41009: refused(channel.ClassOurs, "parameter_missing"),
	41030: refused(channel.ClassOurs, "mini_program_page"),
	43001: refused(channel.ClassOurs, "http_method"),
	43002: refused(channel.ClassOurs, "http_method"),
	43003: refused(channel.ClassOurs, "https_required"),
	44001: refused(channel.ClassOurs, "empty_body"),
	44002: refused(channel.ClassOurs, "empty_body"),
	44003: refused(channel.ClassOurs, "empty_body"),
	44004: refused(channel.ClassOurs, "empty_content"),
	45001: refused(channel.ClassOurs, "too_large"),
	45002: refused(channel.ClassOurs, "text_too_long"),
	45003: refused(channel.ClassOurs, "title_too_long"),
	45004: refused(channel.ClassOurs, "description_too_long"),
	45005: refused(channel.ClassOurs, "url_too_long"),
	45006: refused(channel.ClassOurs, "picture_url_too_long"),
	45007: refused(channel.ClassOurs, "voice_too_long"),
	45008: refused(channel.ClassOurs, "too_many_articles"),
	45056: refused(channel.ClassOurs, "tags"),
	45057: refused(channel.ClassOurs, "tags"),
	45058: refused(channel.ClassOurs, "tags"),
	45059: refused(channel.ClassOurs, "tags"),
	45157: refused(channel.ClassOurs, "tags"),
	45158: refused(channel.ClassOurs, "tags"),
	45159: refused(channel.ClassOurs, "tags"),
	45067: refused(channel.ClassOurs, "client_id_too_long"),
	45083: refused(channel.ClassOurs, "mass_speed"),
	45084: refused(channel.ClassOurs, "mass_speed"),
	47001: refused(channel.ClassOurs, "malformed_json"),
	47003: refused(channel.ClassOurs, "template_argument"),
	53600: refused(channel.ClassOurs, "article_id"),
	63002: refused(channel.ClassOurs, "page_signature"),
	76003: refused(channel.ClassOurs, "api_path"),

	// Web authorisation: begin it anew.
	40029: refused(channel.ClassOurs, "oauth_code_invalid"),
	40163: refused(channel.ClassOurs, "oauth_code_used"),
	42003: refused(channel.ClassOurs, "oauth_code_expired"),
	40030: refused(channel.ClassOurs, "oauth_refresh_invalid"),
	42002: refused(channel.ClassOurs, "oauth_refresh_expired"),
	42007: refused(channel.ClassOurs, "oauth_password_changed"),
}

const reasonAddressNotListed = "address_not_listed"

// shanghai is the zone of the platform's day; it has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// untilMidnight is how long the platform's day still lasts.
func untilMidnight(now time.Time) time.Duration {
	local := now.In(shanghai)
	next := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, shanghai)
	return next.Sub(now)
}
