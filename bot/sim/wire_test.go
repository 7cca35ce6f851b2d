package sim

import "testing"

func TestSecretsAreNotReadOffTheScreen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/cgi-bin/user/info?access_token=AbCdEfGhIjKlMn&openid=o1": "/cgi-bin/user/info?access_token=AbCd…Mn&openid=o1",
		`{"refresh_token": "AbCdEfGhIjKlMn"}`:                      `{"refresh_token": "AbCd…Mn"}`,
		"showqrcode?ticket=AbCdEfGhIjKlMn":                         "showqrcode?ticket=AbCd…Mn",
		"appid=wx1&secret=AbCdEfGhIjKlMn":                          "appid=wx1&secret=AbCd…Mn",
		"appsecret: 'AbCdEfGhIjKlMn'":                              "appsecret: 'AbCd…Mn'",
		"<Encrypt>AbCdEfGhIjKlMn</Encrypt>":                        "<Encrypt>AbCdEfGhIjKlMn</Encrypt>",
	} {
		if got := mask(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
