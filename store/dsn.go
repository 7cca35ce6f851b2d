package store

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// dialect is which SQL a database speaks.
type dialect string

const (
	dialectMySQL  dialect = "mysql" // MySQL and MariaDB
	dialectSQLite dialect = "sqlite"
)

// address is a parsed DSN.
type address struct {
	dialect dialect
	mysql   *mysql.Config // dialectMySQL
	path    string        // dialectSQLite
}

const dsnForms = "mysql://user:password@host:3306/database or sqlite:///path/file.db"

// parseDSN reads a DSN strictly. No error quotes the DSN: it holds a password.
func parseDSN(dsn string) (address, error) {
	scheme, _, ok := strings.Cut(dsn, "://")
	if !ok {
		return address{}, errors.New("the DSN has no scheme; it looks like " + dsnForms)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return address{}, errors.New("the DSN cannot be read; it looks like " + dsnForms +
			" (signs such as @ : / ? # % in a password are written %40 %3A %2F %3F %23 %25)")
	}
	switch scheme {
	case "mysql":
		return parseMySQL(u)
	case "sqlite":
		return parseSQLite(u)
	}
	return address{}, errors.New("the DSN's scheme is neither mysql nor sqlite; it looks like " + dsnForms)
}

func parseSQLite(u *url.URL) (address, error) {
	switch {
	case u.Host != "" || u.User != nil:
		return address{}, errors.New("a SQLite DSN has three slashes and then the path: sqlite:///path/file.db")
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, errors.New("a SQLite DSN takes no parameters: sqlite:///path/file.db")
	case strings.Trim(u.Path, "/") == "" || strings.HasSuffix(u.Path, "/"):
		return address{}, errors.New("the SQLite DSN names no file: sqlite:///path/file.db")
	}
	return address{dialect: dialectSQLite, path: u.Path}, nil
}

func parseMySQL(u *url.URL) (address, error) {
	c := mysql.NewConfig()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	if u.User == nil || u.User.Username() == "" {
		return address{}, errors.New("the MySQL DSN names no user: mysql://user:password@host:3306/database")
	}
	if c.DBName == "" || strings.ContainsAny(c.DBName, "/`") {
		return address{}, errors.New("the MySQL DSN must name one database: mysql://user:password@host:3306/database")
	}
	if u.Hostname() == "" || u.Fragment != "" {
		return address{}, errors.New("the MySQL DSN names no host: mysql://user:password@host:3306/database")
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net = "tcp"
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c.Addr = net.JoinHostPort(u.Hostname(), port)
	c.Timeout, c.ReadTimeout, c.WriteTimeout = 2*time.Second, 5*time.Second, 5*time.Second
	c.ParseTime = true // our own times are numbers; the migrations' book has a TIMESTAMP
	if err := mysqlParams(c, u.RawQuery); err != nil {
		return address{}, err
	}
	// One round trip a statement. Safe: the connection's character set is utf8mb4, and the driver
	// refuses interpolation with the sets in which a quote can hide.
	c.InterpolateParams = true
	c.Collation = "utf8mb4_bin"
	// ClientFoundRows stays off: counts of rows changed decide who won.
	return address{dialect: dialectMySQL, mysql: c}, nil
}

func mysqlParams(c *mysql.Config, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters of the MySQL DSN cannot be read")
	}
	durations := map[string]*time.Duration{"timeout": &c.Timeout, "readTimeout": &c.ReadTimeout, "writeTimeout": &c.WriteTimeout}
	for key, list := range values {
		if len(list) != 1 {
			return fmt.Errorf("the parameter %q of the MySQL DSN stands twice", key)
		}
		v := list[0]
		if d := durations[key]; d != nil {
			if *d, err = time.ParseDuration(v); err != nil || *d <= 0 {
				return fmt.Errorf("the parameter %q of the MySQL DSN is not a time such as 5s", key)
			}
			continue
		}
		switch key {
		case "tls":
			if v != "true" && v != "preferred" && v != "skip-verify" && v != "false" {
				return errors.New("the parameter tls of the MySQL DSN is one of true, preferred, skip-verify, false")
			}
			c.TLSConfig = v
		case "socket":
			if !strings.HasPrefix(v, "/") {
				return errors.New("the parameter socket of the MySQL DSN is the absolute path of a socket")
			}
			c.Net, c.Addr = "unix", v
		default:
			return fmt.Errorf("the MySQL DSN has the unknown parameter %q; known are timeout, readTimeout, writeTimeout, tls, socket", key)
		}
	}
	return nil
}
