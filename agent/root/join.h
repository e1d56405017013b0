/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ROOT_JOIN_H
#define AGENT_ROOT_JOIN_H

/*
 * `belay-agent join`: makes this host's key, asks the controller for membership, checks that the
 * trust file it gets is the one that the token was made for, writes the configuration and starts
 * the services. Returns the exit code: 0, 1 an error of its own, 2 wrong usage, 7 the controller
 * could not be reached. argv[0] is "join".
 */
int agent_join(int argc, char **argv);

#endif
