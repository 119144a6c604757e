// Package kept keeps speech on disk, so that sentences which are said again and
// again are paid for once and can be said while every voice is down.
//
// The engine has an agent's fixed lines spoken through it. It keeps nothing of a
// call: what a caller or a model says never comes here.
package kept
