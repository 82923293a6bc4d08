/*
 * The pause that a C programmer would write: the baseline for ordinary C, linked statically with the compiler's own libc.
 * It does what the real one does, as PID 1 of a container: SIGINT and SIGTERM end it with status 0, and it reaps orphans.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int signo)
{
	(void)signo;
	_exit(0);
}

static void reap(int signo)
{
	(void)signo;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	struct sigaction stopping = {.sa_handler = stop}, reaping = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};

	if (sigaction(SIGINT, &stopping, NULL) || sigaction(SIGTERM, &stopping, NULL) || sigaction(SIGCHLD, &reaping, NULL))
		return 1;
	for (;;)
		pause();
}
