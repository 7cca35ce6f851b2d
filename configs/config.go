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
	Listen      string   `yaml:"listen" default:":8080" help:"address of the public listener: webhook, console, learner pages"`
	PublicURL   string   `yaml:"public_url" help:"how phones and the platform reach the public listener, for example https://learn.example.gov.cn"`
	AdminListen string   `yaml:"admin_listen" default:"127.0.0.1:9090" help:"address of health, metrics and profiling; must not be public"`
	Replica     string   `yaml:"replica" help:"name of this process among the replicas; empty takes the host name and a random part"`
	Database    Database `yaml:"database"`
	Redis       Redis    `yaml:"redis"`
	WeChat      WeChat   `yaml:"wechat"`
	Content     Content  `yaml:"content"`
	Push        Push     `yaml:"push"`
	Log         Log      `yaml:"log"`
	Clock       Clock    `yaml:"clock"`
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
}

// Content is what is taught and said.
type Content struct {
	Dir      string `yaml:"dir" help:"folder with courses/; empty takes the courses built in"`
	Phrases  string `yaml:"phrases" help:"file that overrides single sentences of the phrase catalogue"`
	Calendar string `yaml:"calendar" help:"holiday file; empty takes the one built in (2026, 2027)"`
}

// Push is when and how people may be disturbed.
type Push struct {
	KeepFree   int           `yaml:"keep_free" default:"2" help:"messages of an open reply window kept for replies, 0 to 4"`
	QuietFrom  string        `yaml:"quiet_from" default:"21:00" help:"nothing is pushed from this time on (Asia/Shanghai)"`
	QuietUntil string        `yaml:"quiet_until" default:"07:00" help:"… until this time; equal times mean no quiet hours"`
	Lateness   time.Duration `yaml:"lateness" default:"4h" help:"a push later than its hour by more than this is recorded as missed and not sent"`
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
