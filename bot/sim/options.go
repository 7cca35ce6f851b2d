package sim

import (
	"log/slog"
	"net/http"
	"time"
)

// Mode is how messages are encrypted.
type Mode int

// The modes of the console's server configuration (doc).
const (
	ModeSafe   Mode = iota // ciphertext only; the reply must be ciphertext
	ModeCompat             // both together; either reply is taken
	ModePlain              // plaintext
)

func (m Mode) String() string { return [...]string{"safe", "compat", "plain"}[m] }

// Options describe the account and how patient the platform is. Zero values take what is documented.
type Options struct {
	AppID, AppSecret, Token, AESKey string
	OriginalID                      string // gh_…
	Name                            string // name of the account, for people
	Webhook                         string // address; several, comma separated, get the pushes in turn
	Double                          bool   // deliver every push to all webhooks at the same time, as a repeat would
	Mode                            Mode
	Clock                           *Clock
	Dir                             string // folder for state and ledger, "" for memory only
	Personas                        []Persona
	Scenes                          []Scene
	AllowedIPs                      []string // callers of the API; empty allows all

	Timeout     time.Duration // of one push: 5 s (doc)
	Repeats     int           // further deliveries after a silent one: 3 (doc says three in all or three more; assumed: more)
	Blackout    time.Duration // no pushes after repeated failures: 60 s (doc)
	FailuresMax int           // failed pushes in a row that start a blackout: 5 (assumed)
	TextLimit   int           // bytes of a text reply: 2,048 (assumed)

	Quotas map[string]int // calls a day by API path; unnamed paths have the documented ones

	// PerMinute are calls a minute by API path; unnamed paths have the documented ones.
	PerMinute map[string]int

	// Lean keeps no chats, no exchanges and no ledger, only counts of what crowds see (see Crowd):
	// for rehearsals with hundreds of thousands of people.
	Lean bool

	HTTP   *http.Client
	Logger *slog.Logger
}

// Persona is a phone that exists from the start.
type Persona struct {
	OpenID string `json:"openid"`
	Name   string `json:"name"`
	Note   string `json:"note"`
	Avatar string `json:"avatar"`
	Color  string `json:"color"`
	Hints  []Hint `json:"hints"`
}

// Hint is something worth trying with a persona.
type Hint struct {
	Label string `json:"label"`
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Scene is a QR code that phones may scan.
type Scene struct {
	Scene string `json:"scene"`
	Label string `json:"label"`
}

func (o *Options) defaults() {
	if o.Clock == nil {
		o.Clock = &Clock{}
	}
	if o.OriginalID == "" {
		o.OriginalID = "gh_sim000000001"
	}
	if o.Name == "" {
		o.Name = "模拟服务号"
	}
	set(&o.Timeout, 5*time.Second)
	set(&o.Repeats, 3)
	set(&o.Blackout, time.Minute)
	set(&o.FailuresMax, 5)
	set(&o.TextLimit, 2048)
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 256},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
