#include "service/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/span.h"

static void notify(struct span message)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = name ? strlen(name) : 0;
    _cleanup_close_ int fd = -1;

    if (!len || len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, message.ptr, message.len, MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

void notify_ready(void)
{
    notify(SPAN("READY=1"));
}

void notify_stopping(void)
{
    notify(SPAN("STOPPING=1"));
}
