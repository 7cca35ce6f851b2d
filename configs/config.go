// Package configs reads the one typed configuration: a YAML file, then the environment, then what
// must be true of it. Keys are strict: an unknown one is an error with its line. It must not know
// who reads it: only cmd imports it, and hands each room its own options.
package configs

import (
	"time"
)

// Config is the whole configuration. Struct tags carry what documentation and the generated
// example file need: help, default, secret.
//
// Every key can be set by the environment as TIANGENG_ + path in upper case (database.dsn →
// TIANGENG_DATABASE_DSN); a secret also by a file whose name is in the same variable with _FILE.
type Config struct {
	Listen      string      `yaml:"listen" default:":8080" help:"address of the public listener: webhook, console, learner pages"`
	PublicURL   string      `yaml:"public_url" help:"how phones and the platform reach the public listener, for example https://learn.example.gov.cn"`
	AdminListen string      `yaml:"admin_listen" default:"127.0.0.1:9090" help:"address of health, metrics and profiling; must not be public"`
	Replica     string      `yaml:"replica" help:"name of this process among the replicas; empty takes the host name and a random part"`
	Replicas    int         `yaml:"replicas" default:"1" help:"how many processes run side by side, 1 to 100: each one's share of the sending rates while Redis is away"`
	Database    Database    `yaml:"database"`
	Redis       Redis       `yaml:"redis"`
	WeChat      WeChat      `yaml:"wechat"`
	Content     Content     `yaml:"content"`
	Push        Push        `yaml:"push"`
	Binding     Binding     `yaml:"binding"`
	Roster      Roster      `yaml:"roster"`
	Certificate Certificate `yaml:"certificate"`
	Log         Log         `yaml:"log"`
	Clock       Clock       `yaml:"clock"`
}

// Database is where everything that counts is kept.
type Database struct {
	DSN         string `yaml:"dsn" secret:"true" help:"mysql://user:password@host:3306/tiangeng or sqlite:///var/lib/tiangeng/tiangeng.db"`
	Connections int    `yaml:"connections" default:"16" help:"open connections at most, 2 to 500"`
}

// Redis is the fast memory; nothing in it is the only copy.
type Redis struct {
	URL string `yaml:"url" default:"embedded" secret:"true" help:"redis://host:6379/0, rediss://…, a comma list or redis+cluster://… for a cluster, or embedded (one process only)"`
}

// WeChat is the official account. All five identifiers come from the platform's console
// (设置与开发 → 基本配置).
type WeChat struct {
	AppID          string   `yaml:"app_id" help:"AppID of the account, wx…"`
	AppSecret      string   `yaml:"app_secret" secret:"true" help:"AppSecret"`
	Token          string   `yaml:"token" secret:"true" help:"Token of the server configuration, 3 to 32 letters and digits"`
	AESKey         string   `yaml:"aes_key" secret:"true" help:"EncodingAESKey, 43 letters and digits"`
	PreviousToken  string   `yaml:"previous_token" secret:"true" help:"token before a rotation; accepted beside the current one while set"`
	PreviousAESKey string   `yaml:"previous_aes_key" secret:"true" help:"EncodingAESKey before a rotation"`
	OriginalID     string   `yaml:"original_id" help:"original id gh_…; when set, messages to another account are refused"`
	Mode           string   `yaml:"mode" default:"safe" help:"message encryption: safe; compat and plain exist for development and warn at start"`
	APIBase        string   `yaml:"api_base" default:"https://api.weixin.qq.com" help:"API host: the platform's, one of its disaster-recovery hosts, or a simulator"`
	Window         bool     `yaml:"customer_service" default:"true" help:"the account may send customer-service messages (verified accounts)"`
	AllowedSources []string `yaml:"allowed_sources" help:"address ranges the webhook accepts, for example the platform's callback ranges; empty accepts all"`
	TrustedProxies []string `yaml:"trusted_proxies" help:"address ranges of proxies whose X-Forwarded-For is believed"`

	Notices      []Notice   `yaml:"notices" help:"subscription notices of the account, at most one for each kind of message: [{id: ID, kind: lesson, long: true, fields: {thing1: title, time2: time}}]; kinds are lesson, reminder, announcement, urgent, receipt, digest; a field takes title, lead, time, from, name or course; long is for long-term notices (长期订阅); in the environment the same as JSON"`
	Templates    []Template `yaml:"templates" help:"template messages of the account, after a person's own act only: [{id: ID, kind: receipt, fields: {thing1: title}}]; in the environment the same as JSON"`
	OnceTemplate string     `yaml:"once_template" help:"template id of one-time subscribe messages (一次性订阅消息); empty for none"`
	Mass         bool       `yaml:"mass" default:"false" help:"the account may mass-send to a list of people (verified service accounts); a person gets at most four a month"`
	APIFallbacks []string   `yaml:"api_fallbacks" help:"the platform's disaster-recovery hosts, for example https://api2.weixin.qq.com; used only for calls that are safe to repeat"`
	DailyReserve int        `yaml:"daily_reserve" default:"1000" help:"calls of each way of sending that are kept back every day, so that answers and repairs still go"`
	DayLimits    DayLimits  `yaml:"day_limits"`
	Rates        Rates      `yaml:"rates"`
}

// DayLimits are the calls a day of each way of sending, over all replicas, where the platform does not
// tell its quota; 0 means no limit. The defaults are what its documents name.
type DayLimits struct {
	Window   int `yaml:"window" default:"500000" help:"customer-service messages a day, all replicas together, less the reserve; this and the next four hold only while the platform does not tell the account's quota; 0 for no limit"`
	Notice   int `yaml:"notice" default:"0" help:"subscription notices a day; 0 for no limit"`
	Once     int `yaml:"once" default:"100000" help:"one-time subscribe messages a day; 0 for no limit"`
	Template int `yaml:"template" default:"100000" help:"template messages a day; 0 for no limit"`
	Mass     int `yaml:"mass" default:"100" help:"mass sends a day; 0 for no limit"`
}

// Notice is a subscription notice (订阅通知) of the account and what it is used for.
type Notice struct {
	Template `yaml:",inline"`
	Long     bool `yaml:"long"` // long-term: one grant serves for ever
}

// Template is one of the account's templates.
type Template struct {
	ID     string            `yaml:"id"`
	Kind   string            `yaml:"kind"`   // of message: lesson, reminder …
	Fields map[string]string `yaml:"fields"` // the template's own field → title, lead, time, from, name or course
}

// Rates are the calls a second of each way of sending, over all replicas; 0 means no limit.
type Rates struct {
	Window   int `yaml:"window" default:"50" help:"customer-service messages a second, all replicas together; 0 for no limit"`
	Notice   int `yaml:"notice" default:"50" help:"subscription notices a second; 0 for no limit"`
	Once     int `yaml:"once" default:"50" help:"one-time subscribe messages a second; 0 for no limit"`
	Template int `yaml:"template" default:"50" help:"template messages a second; 0 for no limit"`
}

// Content is what is taught and said.
type Content struct {
	Dir      string `yaml:"dir" help:"folder with courses/; empty takes the courses built in"`
	Phrases  string `yaml:"phrases" help:"file that overrides single sentences of the phrase catalogue"`
	Calendar string `yaml:"calendar" help:"holiday file; empty takes the one built in (2026, 2027)"`
	Targets  string `yaml:"targets" help:"file of the study hours that people need in a year (学时要求); empty takes the one built in"`
}

// Push is when and how people may be disturbed.
type Push struct {
	KeepFree   int           `yaml:"keep_free" default:"2" help:"messages of an open reply window kept for replies, 0 to 4"`
	QuietFrom  string        `yaml:"quiet_from" default:"21:00" help:"nothing is pushed from this time on (Asia/Shanghai)"`
	QuietUntil string        `yaml:"quiet_until" default:"07:00" help:"… until this time; equal times mean no quiet hours"`
	Lateness   time.Duration `yaml:"lateness" default:"4h" help:"a push later than its hour by more than this is recorded as missed and not sent"`

	ReleaseAbove int    `yaml:"release_above" default:"500" help:"a campaign to more people than this needs a second person who releases it; 0: none does"`
	ReminderHour string `yaml:"reminder_hour" default:"19:30" help:"when those who have begun the day's lesson and not finished it are reminded once (Asia/Shanghai); empty switches it off"`
	DigestHour   string `yaml:"digest_hour" help:"when the weekly digest goes out, for example 17:00; empty switches it off"`
	DigestDay    string `yaml:"digest_day" default:"fri" help:"day of the weekly digest: mon, tue, wed, thu, fri, sat or sun"`
}

// Binding limits who may be bound where.
type Binding struct {
	CoolDown  time.Duration `yaml:"cool_down" default:"168h" help:"after a person went from one phone to another, this long no further one; an administrator can end it (tiangeng binding release)"`
	Delegates int           `yaml:"delegates" default:"3" help:"people without a smartphone who may be learnt for on one phone (代学), 1 to 20"`
}

// Roster limits what a roster file may do, and holds the keys of telephone numbers.
type Roster struct {
	BadPercent     int    `yaml:"bad_percent" default:"5" help:"a file with more than this many bad rows of a hundred is refused as a whole, 0 to 100"`
	LeftPercent    int    `yaml:"left_percent" default:"20" help:"a full roster by which more than this many people of a hundred would leave is refused, 0 to 100"`
	PhoneKeys      string `yaml:"phone_keys" secret:"true" help:"keys that seal telephone numbers, id:key,id:key with 32 bytes in base64 each (openssl rand -base64 32); the first seals, all open; empty keeps no numbers"`
	PhoneLookupKey string `yaml:"phone_lookup_key" secret:"true" help:"key by which a number is found, 32 bytes in base64; never changes"`
}

// Certificate is who issues certificates of study hours (学时证明), and how they are drawn.
type Certificate struct {
	Office string `yaml:"office" help:"office that issues certificates of study hours (发证单位), at most 30 characters; empty issues none"`
	Font   string `yaml:"font" help:"font file (ttf, otf, ttc) for characters of names that the built-in font has not; empty for none"`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `yaml:"level" default:"info" help:"debug, info, warn or error"`
	Format string `yaml:"format" default:"json" help:"json or text"`
}

// Clock is for development.
type Clock struct {
	Follow string `yaml:"follow" help:"address of a simulator whose clock is followed, for tests; refused unless it and wechat.api_base are loopback addresses"`
}
