// Package config is the one configuration file: its shape, its defaults and
// its validation.
//
// Secrets come from the environment, a common few settings from flags, all
// else from one YAML file. Every mistake is reported with file, line, column
// and what to do; an unknown key is a mistake. The package starts nothing and
// opens no socket: cmd and call use what it says.
package config
