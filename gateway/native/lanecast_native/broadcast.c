/* One frame to many sockets: send(2) to each, with the GIL released. Stable ABI of Python 3.11.
 *
 * What it must never do: wait, raise a signal, or write to a socket whose earlier bytes are still on their way. The
 * last is the caller's to know: it hands over only sockets behind which nothing waits, and queues the rest of what
 * was not taken.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

typedef struct {
    Py_ssize_t index;
    Py_ssize_t outcome; /* bytes taken, fewer than the frame has; or -errno */
} Incomplete;

/* The bytes that the socket took now, or -errno. A full socket takes 0. */
static Py_ssize_t send_once(int fd, const char *data, size_t size)
{
    for (;;) {
        ssize_t sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0)
            return (Py_ssize_t)sent;
        if (errno == EINTR)
            continue;
        /* Neither room nor memory: the event loop will see when there is. */
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM)
            return 0;
        return -(Py_ssize_t)errno;
    }
}

static PyObject *as_list(const Incomplete *incomplete, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    if (list == NULL)
        return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *pair = Py_BuildValue("(nn)", incomplete[i].index, incomplete[i].outcome);
        if (pair == NULL || PyList_SetItem(list, i, pair) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

PyDoc_STRVAR(broadcast_doc,
"broadcast(fds, frame, start=0, stop=-1, /)\n--\n\n"
"Send `frame` to the sockets fds[start:stop]; -1: to the end. Never waits, and holds no lock of Python's meanwhile.\n\n"
"Args:\n"
"    fds: a contiguous buffer of C ints, such as array('i').\n"
"    frame: a contiguous buffer of bytes.\n\n"
"Returns:\n"
"    (index, outcome) of every socket that did not take all of it, in order: the bytes that it took (0: it is full),\n"
"    or -errno. Usually an empty list.\n\n"
"Raises:\n"
"    ValueError: `fds` is not made of whole ints, or start and stop are not within it.");

static PyObject *broadcast(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer fds, frame;
    Py_ssize_t start = 0, stop = -1;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*y*|nn:broadcast", &fds, &frame, &start, &stop))
        return NULL;
    Py_ssize_t count = fds.len / (Py_ssize_t)sizeof(int);
    if (stop == -1)
        stop = count;
    if (fds.len % (Py_ssize_t)sizeof(int) != 0 || start < 0 || stop < start || stop > count) {
        PyErr_Format(PyExc_ValueError, "[%zd:%zd] is not within %zd bytes of C ints", start, stop, fds.len);
        goto done;
    }
    Incomplete *incomplete = malloc((size_t)(stop - start + 1) * sizeof *incomplete);
    if (incomplete == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const int *sockets = fds.buf;
    Py_ssize_t found = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = start; i < stop; i++) {
        Py_ssize_t outcome = send_once(sockets[i], frame.buf, (size_t)frame.len);
        if (outcome != frame.len)
            incomplete[found++] = (Incomplete){i, outcome};
    }
    Py_END_ALLOW_THREADS
    result = as_list(incomplete, found);
    free(incomplete);
done:
    PyBuffer_Release(&fds);
    PyBuffer_Release(&frame);
    return result;
}

PyDoc_STRVAR(waiting_doc,
"waiting(fds, /)\n--\n\n"
"Which of the sockets have sent what their peers have not acknowledged (Linux: SIOCOUTQ), or cannot say.\n\n"
"Args:\n"
"    fds: a contiguous buffer of C ints.\n\n"
"Returns:\n"
"    (index, bytes) of each, in order; -errno in place of the bytes where the socket cannot say.\n\n"
"Raises:\n"
"    ValueError: `fds` is not made of whole ints.");

static PyObject *waiting(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer fds;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*:waiting", &fds))
        return NULL;
    Py_ssize_t count = fds.len / (Py_ssize_t)sizeof(int), found = 0;
    Incomplete *incomplete = NULL;
    if (fds.len % (Py_ssize_t)sizeof(int) != 0) {
        PyErr_Format(PyExc_ValueError, "%zd bytes are not whole C ints", fds.len);
        goto done;
    }
    incomplete = malloc((size_t)(count + 1) * sizeof *incomplete);
    if (incomplete == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const int *sockets = fds.buf;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        int size = 0;
        if (ioctl(sockets[i], SIOCOUTQ, &size) < 0)
            size = -errno;
        if (size != 0)
            incomplete[found++] = (Incomplete){i, size};
    }
    Py_END_ALLOW_THREADS
    result = as_list(incomplete, found);
    free(incomplete);
done:
    PyBuffer_Release(&fds);
    return result;
}

static PyMethodDef methods[] = {
    {"broadcast", broadcast, METH_VARARGS, broadcast_doc},
    {"waiting", waiting, METH_VARARGS, waiting_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_broadcast",
    .m_doc = "One frame to many sockets.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__broadcast(void)
{
    return PyModule_Create(&module);
}
