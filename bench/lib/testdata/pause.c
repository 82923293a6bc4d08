/*
 * The pause that an ordinary C programmer would write, as a reference for size, memory and latency. Never shipped.
 * It does what the real one does: INT and TERM end it, CHLD reaps, -v prints the version.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static void reap(int signal)
{
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(int argc, char **argv)
{
	struct sigaction on_stop = {.sa_handler = leave};
	struct sigaction on_child = {.sa_handler = reap};

	if (argc == 2 && strcmp(argv[1], "-v") == 0)
		return puts("pause 1.0.0") < 0;
	if (sigaction(SIGINT, &on_stop, NULL) || sigaction(SIGTERM, &on_stop, NULL) || sigaction(SIGCHLD, &on_child, NULL))
		return 1;
	for (;;)
		pause();
}
