/* Stands in for the headers of tools/testing/selftests/kvm: just what a skeleton uses. */
#ifndef TEST_UTIL_H
#define TEST_UTIL_H
#include <stdio.h>
#include <stdlib.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define TEST_ASSERT(condition, ...)                 \
	do {                                        \
		if (!(condition)) {                 \
			fprintf(stderr, __VA_ARGS__); \
			exit(1);                    \
		}                                   \
	} while (0)

#endif
